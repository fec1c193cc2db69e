/** What a cluster of real nodes leaves on the machine outside its namespaces, and how it goes. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from '../../base/cache';
import { run } from '../../base/run';

/** The script that holds a cluster and cleans after it (see its head). */
export const GUARD = join(__dirname, 'guard.sh');

/** Folder with one state file and one folder per living (or crashed) cluster. */
export function stateDirectory(): string {
  return join(cacheDirectory(), 'real');
}

/** Notes cgroup directories in a cluster's state file, before they are made. */
export async function recordCgroups(stateFile: string, directories: readonly string[]): Promise<void> {
  await writeFile(stateFile, directories.map((path) => `cgroup ${path}\n`).join(''), { flag: 'a' });
}

/**
 * Removes what clusters left whose guard was killed too. Living clusters are not touched: their state file is locked.
 * Safe to call at any time, any number of times.
 */
export async function cleanLeftovers(): Promise<void> {
  await mkdir(stateDirectory(), { recursive: true, mode: 0o700 });
  const states = (await readdir(stateDirectory())).filter((name) => name.endsWith('.state'));
  for (const state of states) await run('/bin/sh', [GUARD, 'clean', join(stateDirectory(), state)]);
}
