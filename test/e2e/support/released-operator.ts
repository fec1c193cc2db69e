import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../../../root';
import { PACKAGE_VERSION } from '../../../src/version';
import { bundleOperator } from '../../../tools/build/bundle-operator';
import { type Release, releases } from '../../../tools/release/seals';

/** The release before the version that is worked on. */
export function previousRelease(): Release {
  const release = releases().findLast(({ version }) => version !== PACKAGE_VERSION);
  if (release === undefined) throw new Error('synth/SHA256SUMS has no release before this version');
  return release;
}

/** The operator of a release. */
export interface ReleasedOperator {
  readonly version: string;
  /** The bundled program. */
  readonly program: string;
  /** For people: what it was made from. */
  readonly origin: string;
}

/**
 * Bundles a release's operator from its sources, with the dependencies installed here. Where the history does not reach
 * back to its commit (a shallow clone) it is today's operator instead, and `origin` says so.
 */
export async function releasedOperator({ version, commit }: Release, dir: string): Promise<ReleasedOperator> {
  const sources = join(dir, `v${version}`);
  const program = join(dir, `operator-v${version}.cjs`);
  mkdirSync(sources, { recursive: true });
  try {
    const archive = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: 2 ** 28, stdio: 'pipe' });
    execFileSync('tar', ['-x', '-C', sources], { input: archive });
  } catch {
    await bundleOperator(program);
    return {
      version,
      program,
      origin: `today's operator: this history does not reach back to ${commit} of v${version}`,
    };
  }
  symlinkSync(join(ROOT, 'node_modules'), join(sources, 'node_modules'));
  // Where the script stood until v0.1.0, and where it stands since.
  const script = ['./scripts/bundle-operator', './tools/build/bundle-operator'].find((path) =>
    existsSync(join(sources, `${path}.ts`)),
  );
  const bundle = `require('${script}').bundleOperator(${JSON.stringify(program)})`;
  await promisify(execFile)(join(ROOT, 'node_modules/.bin/tsx'), ['-e', bundle], { cwd: sources });
  return { version, program, origin: `the operator of v${version}, from ${commit.slice(0, 12)}` };
}
