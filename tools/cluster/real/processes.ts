import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { until } from '../../base/eventually';

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Resolves when the process has ended, at once if it has ended already. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/**
 * The process `depth` generations below `pid`, where each generation is a single child.
 * `unshare --fork` and `nsenter --pid` put one process between the caller and the program.
 */
export function descendant(pid: number, depth: number): Promise<number> {
  return until(`a process ${depth} below ${pid}`, () => {
    let current: number | undefined = pid;
    for (let level = 0; level < depth && current !== undefined; level++) current = onlyChild(current);
    return current;
  });
}

function onlyChild(pid: number): number | undefined {
  let children: string;
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  } catch (error) {
    throw new Error(`process ${pid} ended while it was starting`, { cause: error });
  }
  const first = children.trim().split(' ')[0];
  return first ? Number(first) : undefined;
}
