import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { type CpuProfile, locateBy, profileTable, selfTimes } from '../../../tools/bench/cpu-profile';

const frame = (functionName: string, lineNumber = 0) => ({
  functionName,
  url: 'file:///bundle.cjs',
  lineNumber,
  columnNumber: 0,
});

describe('self times', () => {
  const profile: CpuProfile = {
    nodes: [
      { id: 1, callFrame: frame('(root)') },
      { id: 2, callFrame: frame('parse', 10) },
      { id: 3, callFrame: frame('(idle)') },
      { id: 4, callFrame: frame('', 20) },
      // The same function called from elsewhere.
      { id: 5, callFrame: frame('parse', 10) },
    ],
    samples: [2, 3, 4, 5, 2],
    timeDeltas: [1_000, 90_000, 2_000, 4_000, 1_000],
  };

  it('adds up the samples of a function wherever it was called from, without idle time, longest first', () => {
    expect(selfTimes(profile, () => undefined)).toEqual([
      { where: 'parse file:///bundle.cjs', ms: 6, share: 0.75 },
      { where: '(anonymous) file:///bundle.cjs', ms: 2, share: 0.25 },
    ]);
  });

  it('names the source where the bundle has a map', () => {
    const locate = (_url: string, line: number) =>
      line === 10 ? { file: 'operator/kube/lines.ts', line: 13 } : undefined;
    expect(selfTimes(profile, locate)[0]?.where).toBe('parse operator/kube/lines.ts:14');
  });

  it('has nothing to say about a profile without samples', () => {
    expect(selfTimes({ nodes: profile.nodes }, () => undefined)).toEqual([]);
  });
});

it('finds the hot function of a real minified program by its name and place in the source', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hotstandby-profile-'));
  try {
    const source = join(dir, 'operator', 'hot.ts');
    const contents = [
      'function spin(until: number): number {',
      '  let turns = 0;',
      '  while (performance.now() < until) for (let i = 0; i < 1e5; i++) turns += Math.sqrt(turns) > 1e9 ? 2 : 1;',
      '  return turns;',
      '}',
      'console.log(spin(performance.now() + 150));',
    ].join('\n');
    const bundle = join(dir, 'hot.cjs');
    // Not build(): its service would outlive the test.
    buildSync({
      stdin: { contents, sourcefile: source, loader: 'ts', resolveDir: dir },
      outfile: bundle,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      minify: true,
      keepNames: true,
      sourcemap: 'external',
    });
    execFileSync(process.execPath, ['--cpu-prof', `--cpu-prof-dir=${dir}`, '--cpu-prof-name=hot.cpuprofile', bundle]);
    const rows = profileTable(join(dir, 'hot.cpuprofile'), locateBy(bundle), 10);
    // On a busy machine V8's own "(program)" may have had more time than any function.
    const [first] = rows.filter((row) => !row.endsWith(')'));
    expect(first).toMatch(/^ *\d+\.\d % +\d+ ms {2}spin operator\/hot\.ts:1$/);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
