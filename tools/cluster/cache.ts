/** The per-user cache: what is built or unpacked once and shared by every checkout. */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isAlive, type ProcessIdentity, processIdentity } from './process-identity';

/** Says one line to a person. */
export type Log = (line: string) => void;

const POLL_MS = 250;
const REMIND_MS = 5_000;

/** `$XDG_CACHE_HOME/hotstandby` or `~/.cache/hotstandby`. */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'hotstandby');
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
