/** The bundled operator, kept in the per-user cache: bundling takes seconds, and its sources rarely change. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../root';
import { cachedFolder, fingerprint, type Log } from '../base/cache';
import { bundleOperator } from '../build/bundle-operator';

/** All that goes into the bundle; the lockfile stands for the dependencies. */
const SOURCES = [
  'operator/**/*.ts',
  'src/**/*.ts',
  'tools/build/bundle-operator.ts',
  'package.json',
  'package-lock.json',
];
/** 13 MB each. */
const KEPT = 3;

/** Path of the bundle of the sources as they are now. Says so when it has to be made. */
export async function operatorBundle(log: Log): Promise<string> {
  const name = fingerprint('operator', ROOT, globSync(SOURCES, { cwd: ROOT }));
  const make = async (partial: string): Promise<void> => {
    log('bundling the operator, once for these sources (some seconds, beside what follows)');
    await bundleOperator(join(partial, 'operator.cjs'));
  };
  return join(await cachedFolder('operator', name, log, make, KEPT), 'operator.cjs');
}
