/** What of this machine a cluster of real nodes might change: looked at before and after. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { run } from '../../../tools/base/run';
import { findProgram, type NodeTools } from '../../../tools/build/image/packages';
import { cgroupDirectories } from '../../../tools/cluster/real/cgroups';
import { linkName } from '../../../tools/cluster/real/network';
import type { RealSite } from '../../../tools/cluster/real/site';
import { SHIELDED_SYSCTLS } from '../../../tools/cluster/real/sysctls';
import { stateDirectory } from '../../../tools/cluster/real/teardown';

/** Other clusters may come and go beside the one looked at. `linkOf` sees the one's own. */
function ofNoCluster(line: string): boolean {
  return !/\bhotstandby\d+\b/.test(line);
}

/** The network link of a site, with the number that no later link of that name has; undefined when it is gone. */
export async function linkOf({ subnets }: Pick<RealSite, 'subnets'>): Promise<string | undefined> {
  const lines = (await run('ip', ['-o', 'link'])).split('\n');
  return lines.find((line) => line.includes(` ${linkName(subnets.index)}@`))?.split('@')[0];
}

/** State of the machine that a teardown must bring back to the very same. */
export interface MachineState {
  readonly links: string[];
  readonly routes: string[];
  readonly mounts: string;
  readonly nftables: string;
  readonly sysctls: Record<string, string>;
}

const SYSCTLS = [...Object.keys(SHIELDED_SYSCTLS), 'net/ipv4/ip_forward', 'net/bridge/bridge-nf-call-iptables'];

/** Reads the state now. */
export async function machineState(tools: NodeTools): Promise<MachineState> {
  const env = tools.libraries && !findProgram('nft') ? { LD_LIBRARY_PATH: tools.libraries } : undefined;
  return {
    links: (await run('ip', ['-o', 'link']))
      .split('\n')
      .filter(ofNoCluster)
      .map((line) => line.split(': ')[1] ?? ''),
    routes: (await run('ip', ['route'])).split('\n').filter(ofNoCluster),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    nftables: await run(tools.nft, ['list', 'tables'], { env }),
    sysctls: Object.fromEntries(
      SYSCTLS.filter((name) => existsSync(`/proc/sys/${name}`)).map((name) => [
        name,
        readFileSync(`/proc/sys/${name}`, 'utf8').trim(),
      ]),
    ),
  };
}

/** Ids of every process of a site: daemons, sandboxes and containers. Others' clusters beside it do not count. */
export async function processesOf({ hubPid }: Pick<RealSite, 'hubPid'>): Promise<number[]> {
  // Inside the hub only its own processes show, with the same names of namespaces as everywhere.
  const enter = ['--target', String(hubPid), '--pid', '--mount', '--'];
  const listing = await run('nsenter', [...enter, '/bin/sh', '-c', 'readlink /proc/[0-9]*/ns/pid || true']);
  const own = new Set(listing.trim().split('\n'));
  return processIds().filter((pid) => own.has(pidNamespace(pid) ?? ''));
}

/** Files and cgroups of a site that still exist. */
export async function remainsOf({ dir, cgroup }: Pick<RealSite, 'dir' | 'cgroup'>): Promise<string[]> {
  const states = readdirSync(stateDirectory()).filter((name) => dir.endsWith(name.replace('.state', '')));
  return [...(await cgroupDirectories(cgroup)).filter((path) => existsSync(path)), ...states];
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function pidNamespace(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
