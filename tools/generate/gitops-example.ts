import { cpSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ROOT } from '../../root';
import { run } from '../base/run';
import { linkPackages } from '../build/app-packages';

const SYNTH_TIMEOUT_MS = 300_000;

/** The repository that teams may copy. */
export const EXAMPLE = join(ROOT, 'examples', 'gitops');

/** Copies the example into an empty folder, its packages included: this repository's own, the library from its sources. */
export function checkOutExample(folder: string): void {
  const ours = (path: string): boolean => !/\/(node_modules|clusters)$/.test(path);
  cpSync(EXAMPLE, folder, { recursive: true, filter: ours });
  linkExamplePackages(join(folder, 'node_modules'));
}

/** Puts the example's packages into a folder `node_modules`. */
export function linkExamplePackages(modules: string): void {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(EXAMPLE, 'package.json'), 'utf8')) as Packages;
  linkPackages(modules, Object.keys({ ...dependencies, ...devDependencies }));
}

interface Packages {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

/** What `npm run synth` writes in the example. Returns the folder `clusters`. */
export async function synthExample(folder: string): Promise<string> {
  checkOutExample(folder);
  await runInExample(folder, ['cdk8s', 'synth', '--check-upgrade=false']);
  return join(folder, 'clusters');
}

/** Runs one of the programs that the example's packages bring. */
export function runInExample(folder: string, [program = '', ...args]: string[]): Promise<string> {
  const env = { PATH: `${programsFolder()}${delimiter}${process.env.PATH}` };
  return run(program, args, { cwd: folder, env, timeoutMs: SYNTH_TIMEOUT_MS });
}

export function programsFolder(): string {
  return join(ROOT, 'node_modules/.bin');
}
