/** What operator/Dockerfile says of the image it ends with, for the same image made without Docker. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../root';
import type { ImageConfig } from './image/images';

const DOCKERFILE = join(ROOT, 'operator/Dockerfile');

/** @param args values of the last stage's ARGs; the default of one that is left out */
export function dockerfileConfig(
  args: Readonly<Record<string, string>>,
  text = readFileSync(DOCKERFILE, 'utf8'),
): ImageConfig {
  const lines = text.replace(/\\\n/g, ' ').split('\n');
  const stage = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
  const rest = (word: string): string[] =>
    stage.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1).trim());
  const defaults = Object.fromEntries(rest('ARG').map((line) => line.split('=', 2) as [string, string]));
  const filled = (value: string): string =>
    value.replace(/\$\{(\w+)\}/g, (_all, name: string) => args[name] ?? defaults[name] ?? '');
  const pairs = rest('LABEL').flatMap((line) => [...line.matchAll(/(\S+?)="([^"]*)"/g)]);
  const [user] = rest('USER');
  const [entrypoint] = rest('ENTRYPOINT');
  if (user === undefined || entrypoint === undefined)
    throw new Error('operator/Dockerfile ends without USER or ENTRYPOINT');
  return {
    Entrypoint: JSON.parse(entrypoint) as string[],
    Cmd: [],
    User: user,
    Env: rest('ENV'),
    Labels: Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, filled(value)])),
  };
}
