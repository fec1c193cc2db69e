import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../base/cache';
import { buildNodePrograms } from '../build';
import type { ControlPlaneOptions } from '../control-plane';
import { cgroupDirectories } from './cgroups';
import { holdNamespaces, type Namespaces } from './namespaces';
import { connect } from './network';
import type { SubnetPlan } from './subnets';
import { cleanLeftovers, GUARD, recordCgroups, stateDirectory } from './teardown';

/**
 * The ground real nodes stand on: a network namespace linked with this machine, a free subnet, a name for cgroups and a
 * folder. It comes before the control plane, whose API server listens on the link, and goes after it.
 */
export interface RealSite {
  readonly subnets: SubnetPlan;
  /** Process that holds the cluster's network, PID and mount namespaces. */
  readonly hubPid: number;
  /** Folder for the cluster's files. */
  readonly dir: string;
  /** Name of the cluster's cgroup in every hierarchy. */
  readonly cgroup: string;
  /** Folder with the nodes' programs. */
  readonly programs: string;
  /**
   * How the control plane must be started. The API server listens on the link's address alone: reachable from this machine and from Pods,
   * not from the machine's other networks.
   */
  readonly controlPlaneOptions: Pick<ControlPlaneOptions, 'bindAddress' | 'advertiseAddress' | 'serviceCidr'>;
  /** Ends everything in it and removes every trace. Safe to call twice. */
  close(): Promise<void>;
}

/** Opens a site. If this process ends in whatever way, the kernel and the guard close it. */
export async function openRealSite(log: Log = () => undefined): Promise<RealSite> {
  await cleanLeftovers();
  const programs = await buildNodePrograms(log);
  const dir = join(stateDirectory(), randomBytes(4).toString('hex'));
  const stateFile = `${dir}.state`;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const hub = await holdNamespaces(
    ['/bin/sh', GUARD, 'hold', stateFile, join(programs, 'pause')],
    join(dir, 'guard.log'),
  );
  try {
    const subnets = await connect(hub.pid);
    const cgroup = `hotstandby-${subnets.index}-${dir.slice(-8)}`;
    await recordCgroups(stateFile, await cgroupDirectories(cgroup));
    return site({ subnets, hub, dir, cgroup, programs });
  } catch (error) {
    await hub.release();
    throw error;
  }
}

function site(parts: {
  subnets: SubnetPlan;
  hub: Namespaces;
  dir: string;
  cgroup: string;
  programs: string;
}): RealSite {
  const { subnets, hub, ...rest } = parts;
  const address = subnets.hostAddress;
  return {
    ...rest,
    subnets,
    hubPid: hub.pid,
    controlPlaneOptions: { bindAddress: address, advertiseAddress: address, serviceCidr: subnets.serviceCidr },
    close: () => hub.release(),
  };
}
