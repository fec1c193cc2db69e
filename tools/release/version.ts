/** Where the version of this package is written, apart from what `npm run generate` makes. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Three numbers. */
export type Version = readonly [major: number, minor: number, patch: number];

/** Throws one line when `text` is not a plain X.Y.Z. */
export function parseVersion(text: string): Version {
  const [, ...numbers] = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/.exec(text) ?? [];
  const [major, minor, patch] = numbers.map(Number);
  if (major === undefined || minor === undefined || patch === undefined) {
    throw new Error(`${JSON.stringify(text)} is not a version: give three numbers, for example 1.2.0`);
  }
  return [major, minor, patch];
}

/** Whether `a` comes after `b`. */
export function isNewer(a: Version, b: Version): boolean {
  const difference = a.map((number, index) => number - (b[index] ?? 0)).find((it) => it !== 0);
  return difference !== undefined && difference > 0;
}

interface Place {
  readonly files: readonly string[];
  /** What stands before the version. */
  readonly before: string;
  /** How often it must be there, at least. Default 0. */
  readonly atLeast?: number;
}

/** Names under which documents and examples speak of a version of ours. A bare number may be anybody's. */
const NAMED = [
  'synth/v',
  'hotstandby[:@/]v?',
  'hotstandby == ',
  '"hotstandby": "\\^',
  '[?&]ref=v',
  '/(?:tree|raw|download|tags)/v',
  '(?:newTag|tag|targetRevision): "?v',
  '--version "?v?',
].join('|');

function places(root: string): readonly Place[] {
  const below = (folder: string): string[] =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(md|ya?ml|json|txt|ts|sh)$/.test(entry.name))
      .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
      .filter((path) => !path.includes('node_modules/'));
  return [
    { files: ['package.json'], before: '^  "version": "', atLeast: 1 },
    // npm's own way would lose the entries made by hand for other platforms.
    { files: ['package-lock.json'], before: '"name": "hotstandby",\\n +"version": "', atLeast: 2 },
    { files: ['cdk8s.yaml'], before: '^output: synth/v', atLeast: 1 },
    { files: ['README.md', ...below('docs'), ...below('examples')], before: NAMED },
  ];
}

/** Writes `to` wherever `from` stands for this package's version. Throws when a place it must be in lacks it. */
export function replaceVersion(root: string, from: string, to: string): void {
  for (const { files, before, atLeast = 0 } of places(root)) {
    const pattern = new RegExp(`(${before})${from.replaceAll('.', '\\.')}(?![\\w.-]*\\d)`, 'gm');
    for (const file of files) {
      const text = readFileSync(join(root, file), 'utf8');
      const found = text.match(pattern)?.length ?? 0;
      if (found < atLeast) throw new Error(`${file} names version ${from} ${found} times, not ${atLeast}`);
      if (found > 0) writeFileSync(join(root, file), text.replace(pattern, `$1${to}`));
    }
  }
}
