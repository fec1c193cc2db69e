import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process id is used again after a while; with its start time it is not. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in the system's own words; only ever compared. */
  started: string;
}

/** Who runs under `pid` now; `started` is empty when nobody does. */
export function processIdentity(pid: number): ProcessIdentity {
  return { pid, started: process.platform === 'linux' ? linuxStart(pid) : psStart(pid) };
}

/** Whether that very process still runs (a zombie does not). */
export function isAlive(identity: ProcessIdentity): boolean {
  return identity.started !== '' && processIdentity(identity.pid).started === identity.started;
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot (proc_pid_stat(5)); the name before it may hold spaces. */
function linuxStart(pid: number): string {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? '' : (fields[19] ?? '');
}

function psStart(pid: number): string {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return '';
  }
}
