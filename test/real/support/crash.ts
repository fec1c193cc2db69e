import { readdirSync, readFileSync } from 'node:fs';
import type { Pod } from '../../e2e/support/scene';

/**
 * Kills the program of a Pod's container with SIGKILL, as a crash or the kernel's OOM killer does. The nodes are
 * namespaces of this machine, so its processes are to be found here, by the Pod's uid in their cgroups.
 */
export function crash(pod: Pod): void {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const own = pids.filter((pid) => read(pid, 'cgroup').includes(`pod${pod.metadata.uid}`));
  const programs = own.filter((pid) => !read(pid, 'cmdline').includes('/pause'));
  if (programs.length === 0) throw new Error(`Pod ${pod.metadata.name} has no process on this machine`);
  for (const pid of programs) process.kill(Number(pid), 'SIGKILL');
}

function read(pid: string, file: 'cgroup' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It ended meanwhile.
    return '';
  }
}
