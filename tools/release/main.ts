/** `npm run release:prepare X.Y.Z`: everything a release changes in the tree, ready to be committed. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../../root';
import { unreleased, withRelease } from './changelog';
import { brokenSeals, releases, seal } from './seals';
import { isNewer, parseVersion, replaceVersion } from './version';

const CHANGELOG = join(ROOT, 'CHANGELOG.md');
const HELP = `Usage: npm run release:prepare X.Y.Z
       npm run release:prepare -- --open X.Y.Z

Writes the version wherever it stands (package.json, synth/, docs, examples), generates everything anew, seals
synth/vX.Y.Z in synth/SHA256SUMS and dates the CHANGELOG. It commits nothing; when it fails, the tree is as before.

Options:
  --open      only make X.Y.Z the version that is worked on: nothing is sealed, nothing dated
  -h, --help  print this

Examples:
  $ npm run release:prepare 1.2.0            a release, from a clean tree with something under [Unreleased]
  $ npm run release:prepare -- --open 1.3.0  the first step after it: now code may change what synth/ holds
  $ (cd synth && sha256sum -c SHA256SUMS)    see whether the released manifests are what was released`;

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { open: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const [version, ...others] = positionals;
  if (version === undefined || others.length > 0) {
    throw new Error(`one version is needed, ${positionals.length} were given: npm run release:prepare 1.2.0`);
  }
  check(version, values.open);
  untilDone(() => prepare(version, values.open));
  console.log(values.open ? opened(version) : prepared(version));
}

/** Throws one line at the first thing that stands against it; writes nothing. */
function check(version: string, isOpening: boolean): void {
  const wanted = parseVersion(version);
  const last = releases().at(-1)?.version;
  if (last !== undefined && !isNewer(wanted, parseVersion(last))) {
    throw new Error(`${version} does not come after ${last}, the last release: give a higher version`);
  }
  const [broken] = brokenSeals();
  if (broken !== undefined) throw new Error(broken);
  const [dirty, ...more] = git('status', '--porcelain').split('\n').filter(Boolean);
  if (dirty !== undefined) {
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
    throw new Error(`the tree has changes, ${dirty.slice(3)}${others}: commit or stash them first`);
  }
  if (!isOpening && unreleased(readFileSync(CHANGELOG, 'utf8')) === '') {
    throw new Error('CHANGELOG.md has nothing under [Unreleased]: say there what this release changes');
  }
}

function prepare(version: string, isOpening: boolean): void {
  const { version: before } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  if (before !== version) {
    replaceVersion(ROOT, before, version);
    const isReleased = releases().some((release) => release.version === before);
    if (!isReleased) rmSync(join(ROOT, `synth/v${before}`), { recursive: true, force: true });
  }
  run(join(ROOT, 'node_modules/.bin/tsx'), 'tools/generate/main.ts');
  if (isOpening) return;
  const date = new Date().toISOString().slice(0, 10);
  seal({ version, date, commit: git('rev-parse', 'HEAD').trim() });
  writeFileSync(CHANGELOG, withRelease(readFileSync(CHANGELOG, 'utf8'), version, date));
}

/** The tree was clean: whatever differs when `work` fails is its doing. */
function untilDone(work: () => void): void {
  // Ctrl-C reaches what `work` has started as well, which fails it.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  try {
    work();
  } catch (error) {
    git('restore', '--staged', '--worktree', '.');
    git('clean', '--force', '-d', '--quiet');
    throw error;
  } finally {
    process.off('SIGINT', ignore);
  }
}

const prepared = (version: string): string => `v${version} is ready. Next:
  git add -A && git commit -m 'Release v${version}' && git tag -s v${version} -m v${version}
  git push --follow-tags        the tag builds, signs and publishes (.github/workflows/release.yml)
  npm run release:prepare -- --open NEXT`;
const opened = (version: string): string =>
  `v${version} is what is worked on now. Next: git add -A && git commit -m 'Open v${version}'`;

function git(...args: string[]): string {
  return run('git', ...args);
}

/** Standard output of a program; throws with all it said when it fails. */
function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}:\n${stderr}${stdout}`.trimEnd());
  return stdout;
}

try {
  main();
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
