import { execFileSync } from 'node:child_process';
import { run } from '../../base/run';
import { LINK_PREFIX, MAX_CLUSTERS, overlaps, planSubnets, type SubnetPlan } from './subnets';

/** Name of the machine's end of the link to cluster `index`. Its existence says that the cluster lives. */
export function linkName(index: number): string {
  return `hotstandby${index}`;
}

/** Indexes whose /20 the machine does not use, lowest first. */
export function freeIndexes(): number[] {
  const used = usedPrefixes();
  return [...Array(MAX_CLUSTERS).keys()].filter((index) => {
    const { cidr } = planSubnets(index);
    return !used.some((prefix) => overlaps(prefix, cidr));
  });
}

/**
 * Takes the first free subnet and links the machine with the network namespace of process `hubPid`: a veth pair and one
 * route. The kernel removes all of it when that namespace ends. Creating the link takes the index: of two
 * clusters that start together one gets "File exists" and goes on to the next.
 */
export async function connect(hubPid: number): Promise<SubnetPlan> {
  for (const index of freeIndexes()) {
    const plan = planSubnets(index);
    if (!(await createLink(plan, hubPid))) continue;
    const inHub = (...args: string[]): Promise<string> =>
      run('nsenter', ['--net', '--target', String(hubPid), 'ip', ...args]);
    await inHub('addr', 'add', `${plan.hubAddress}/${LINK_PREFIX}`, 'dev', 'uplink');
    await inHub('link', 'set', 'uplink', 'up');
    await inHub('route', 'add', 'default', 'via', plan.hostAddress);
    const link = linkName(index);
    await run('ip', ['addr', 'add', `${plan.hostAddress}/${LINK_PREFIX}`, 'dev', link]);
    await run('ip', ['link', 'set', link, 'up']);
    await run('ip', ['route', 'add', plan.cidr, 'via', plan.hubAddress, 'dev', link]);
    return plan;
  }
  throw new Error(NO_FREE_SUBNET);
}

/** Said when every /20 is taken. */
export const NO_FREE_SUBNET = `no free subnet: all ${MAX_CLUSTERS} parts of 10.217.0.0/16 are in use (see \`ip route\`)`;

async function createLink(plan: SubnetPlan, hubPid: number): Promise<boolean> {
  const peer = ['peer', 'name', 'uplink', 'netns', String(hubPid)];
  try {
    await run('ip', ['link', 'add', linkName(plan.index), 'type', 'veth', ...peer]);
    return true;
  } catch (error) {
    if (String(error).includes('File exists')) return false;
    throw error;
  }
}

function usedPrefixes(): string[] {
  const list = <T>(what: string): T[] =>
    JSON.parse(execFileSync('ip', ['-j', '-4', what], { encoding: 'utf8' })) as T[];
  const addresses = list<{ addr_info?: { local: string }[] }>('addr');
  const routes = list<{ dst: string }>('route');
  return [
    ...addresses.flatMap((link) => (link.addr_info ?? []).map((address) => address.local)),
    ...routes.map((route) => route.dst),
  ];
}
