/** The bundled operator, kept in the per-user cache: bundling takes seconds, and its sources rarely change. */
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { bundleOperator } from '../build/bundle-operator';
import { cacheDirectory, type Log } from '../cluster/cache';

const ROOT = resolve(__dirname, '../..');
/** All that goes into the bundle; the lockfile stands for the dependencies. */
const SOURCES = ['operator/**/*.ts', 'src/**/*.ts', 'scripts/bundle-operator.ts', 'package.json', 'package-lock.json'];
/** 13 MB each. */
const KEPT = 3;

/** Path of the bundle of the sources as they are now. Says so when it has to be made. */
export async function operatorBundle(log: Log): Promise<string> {
  const folder = join(cacheDirectory(), 'operator', hashOfSources());
  if (!existsSync(folder)) {
    log('bundling the operator, once for these sources (some seconds, beside what follows)');
    await bundleInto(folder);
  }
  return join(folder, 'operator.cjs');
}

async function bundleInto(folder: string): Promise<void> {
  const partial = `${folder}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    await bundleOperator(join(partial, 'operator.cjs'));
    renameSync(partial, folder);
  } catch (error) {
    // Another process may have been first.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  removeOlder(dirname(folder));
}

function hashOfSources(): string {
  const hash = createHash('sha256');
  for (const file of globSync(SOURCES, { cwd: ROOT }).sort()) hash.update(file).update(readFileSync(join(ROOT, file)));
  return hash.digest('hex').slice(0, 16);
}

function removeOlder(folder: string): void {
  const bundles = readdirSync(folder).map((name) => join(folder, name));
  const byAge = bundles.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  for (const bundle of byAge.slice(KEPT)) rmSync(bundle, { recursive: true, force: true });
}
