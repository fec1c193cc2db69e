import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../../root';
import { COMMANDS, entryOf } from './commands';
import { blocksOf, commandsOf, DOCUMENTS, read } from './support/markdown';

// npm, tsx and jest start in seconds on a busy machine of 2 cores.
jest.setTimeout(120_000);

const shellBlocks = DOCUMENTS.flatMap(blocksOf).filter(({ language }) => language === 'sh');
const commands = shellBlocks.flatMap(commandsOf);

it('has no shell block under another name, which no test would look at', () => {
  const languages = new Set(DOCUMENTS.flatMap(blocksOf).map(({ language }) => language));
  const known = ['sh', 'text', 'yaml', 'ts', 'js', 'python', 'go'];
  expect([...languages].filter((language) => !known.includes(language))).toEqual([]);
});

it.each(shellBlocks)('every command of $document, line $line, is accounted for', (block) => {
  for (const command of commandsOf(block)) expect(() => entryOf(command)).not.toThrow();
});

it.each(COMMANDS)('the entry $pattern is about a command there is', ({ pattern }) => {
  expect(commands.some((command) => pattern.test(command))).toBe(true);
});

it.each(COMMANDS.flatMap(({ tested }) => ('by' in tested ? [tested] : [])))('$by runs "$words"', ({ by, words }) => {
  expect(read(by)).toContain(words);
});

const scripts = [
  ...new Set(DOCUMENTS.flatMap((document) => read(document).match(/npm run [\w-]+(?::[\w-]+)*/g) ?? [])),
];
it.each(scripts)('%s is a script of package.json', (script) => {
  const known = JSON.parse(read('package.json')).scripts as Record<string, string>;
  expect(Object.keys(known)).toContain(script.replace('npm run ', ''));
});

const folders = '(?:src|operator|charts|synth|examples|test|docs|tools)';
const paths = DOCUMENTS.flatMap(
  (document) =>
    read(document)
      .replace(/\w+:\/\/\S+/g, '')
      .match(new RegExp(`(?<!paia-tech/)\\b${folders}/[\\w./-]+\\w`, 'g')) ?? [],
);
it.each([...new Set(paths)])('names %s, which exists', (path) => {
  expect(existsSync(join(ROOT, path))).toBe(true);
});

it('names one test file where it means one', async () => {
  const [command = ''] = commands.filter((it) => it.startsWith('npx jest test/'));
  const { stdout } = await promisify(execFile)('bash', ['-c', `${command} --listTests`], { cwd: ROOT });
  expect(stdout.trim().split('\n')).toEqual([join(ROOT, command.replace('npx jest ', ''))]);
});

const offline = [...new Set(commands)].flatMap((command) => {
  const { tested } = entryOf(command);
  return 'offline' in tested ? [[command, tested.also ?? ''] as const] : [];
});
it.each(offline)('%s works', async (command, also) => {
  const { stdout } = await promisify(execFile)('bash', ['-c', `${command} ${also}`], { cwd: ROOT });
  expect(stdout).toMatch(/Usage: |\.test\.ts$| sessions\.$/m);
});
