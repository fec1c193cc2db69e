/** The per-user cache: what is built or unpacked once and shared by every checkout. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from '../../root';
import { isAlive, type ProcessIdentity, processIdentity } from './process-identity';

/** Says one line to a person. */
export type Log = (line: string) => void;

const POLL_MS = 250;
const REMIND_MS = 5_000;
const UNUSED_MS = 30 * 86_400_000;

/** `$XDG_CACHE_HOME/hotstandby` or `~/.cache/hotstandby`. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hotstandby');
}

/**
 * The folder `<kind>/<name>` of the cache. `make` fills it when it is not there: one process does, and nobody sees it half
 * made. Then its neighbours go that nobody has asked for in 30 days, and all but the `most` used last; what still runs
 * from one keeps its file anyway.
 */
export async function cachedFolder(
  kind: string,
  name: string,
  log: Log,
  make: (partial: string) => Promise<void>,
  most = Number.POSITIVE_INFINITY,
): Promise<string> {
  const folder = cachePath(kind, name);
  if (!existsSync(folder)) {
    await withLock(folder, `making ${name}`, log, async () => {
      if (existsSync(folder)) return;
      const partial = `${folder}.partial`;
      rmSync(partial, { recursive: true, force: true });
      mkdirSync(partial);
      await make(partial);
      renameSync(partial, folder);
      removeUnused(dirname(folder), most);
    });
  }
  markUsed(folder);
  return folder;
}

/** Where `cachedFolder` has it, there or not. */
export function cachePath(kind: string, name: string): string {
  return join(cacheDirectory(), kind, name);
}

/** 16 hexadecimal digits over the very bytes something is made of, and how. */
export function fingerprint(how: unknown, root = ROOT, files: readonly string[] = []): string {
  const hash = createHash('sha256').update(JSON.stringify([how, process.platform, process.arch]));
  for (const file of [...files].sort()) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex').slice(0, 16);
}

/** By the time of change: not every file system notes when something is read. */
function markUsed(path: string): void {
  const now = new Date();
  utimesSync(path, now, now);
}

function removeUnused(folder: string, most: number): void {
  const limit = Date.now() - UNUSED_MS;
  // Another process may have been first.
  const usedAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const names = readdirSync(folder).filter((name) => !name.endsWith('.lock'));
  const entries = names.map((name) => ({ path: join(folder, name), at: usedAt(join(folder, name)) }));
  const byUse = entries.sort((a, b) => b.at - a.at);
  const stale = byUse.filter(({ at }, index) => at < limit || index >= most);
  for (const { path } of stale) rmSync(path, { recursive: true, force: true });
}

/**
 * Runs `work` while holding `<path>.lock`, so that two processes do not build the same thing. A lock whose holder died
 * is taken over. Says every 5 s whom it waits for.
 */
export async function withLock<T>(path: string, what: string, log: Log, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  mkdirSync(join(lock, '..'), { recursive: true });
  let reminded = -Infinity;
  while (!tryLock(lock)) {
    const holder = lockHolder(lock);
    if (holder === undefined || !isAlive(holder)) {
      rmSync(lock, { force: true });
      continue;
    }
    if (performance.now() - reminded >= REMIND_MS) {
      log(`${what}: process ${holder.pid} is at it, waiting`);
      reminded = performance.now();
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** A hard link, because it appears with its content: nobody ever reads a half-written lock. */
function tryLock(lock: string): boolean {
  const claim = `${lock}.${process.pid}`;
  writeFileSync(claim, JSON.stringify(processIdentity(process.pid)));
  try {
    linkSync(claim, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(claim);
  }
}

/** Undefined for a lock that vanished meanwhile. */
function lockHolder(lock: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(lock, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
