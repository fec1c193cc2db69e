import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from '../../base/cache';
import { findProgram, missingTools } from '../../build/image/packages';
import { clusterIsBuilt } from '../build';
import { cgroupVersion } from './cgroups';
import { freeIndexes, NO_FREE_SUBNET } from './network';

/** Whether real nodes can run here; if not, one line that says why and what would help. */
export type Preflight = { readonly ok: true } | { readonly ok: false; readonly reason: string };

const INSTEAD = 'or use kwok nodes';
/** util-linux, iproute2 and ldd. */
const SYSTEM_PROGRAMS = ['unshare', 'nsenter', 'mount', 'pivot_root', 'flock', 'ip', 'ldd'];

/**
 * Says whether this machine can run real nodes. It asks the kernel by doing in throw-away namespaces what a node does,
 * so a container that merely looks like root is found out. Takes about 0.1 s and leaves nothing.
 */
export async function realNodesPreflight(): Promise<Preflight> {
  return realNodesPreflightNow();
}

/** The same, for test files: jest wants to know at once which tests are skipped. */
export function realNodesPreflightNow(): Preflight {
  for (const check of [platform, systemPrograms, packagesAtHand, goAtHand, cgroups, kernel, subnets]) {
    const reason = check();
    if (reason) return { ok: false, reason };
  }
  return { ok: true };
}

/** Says what is wrong, or nothing. */
type Check = () => string | undefined;

const platform: Check = () => {
  if (process.platform !== 'linux') return `needs Linux (this is ${process.platform}): use kwok nodes`;
  if (process.getuid?.() !== 0) return `needs root: run as root ${INSTEAD}`;
  if (process.arch !== 'x64' && process.arch !== 'arm64') return `needs an x64 or arm64 CPU: use kwok nodes`;
  return undefined;
};

const systemPrograms: Check = () => {
  const missing = SYSTEM_PROGRAMS.filter((name) => !findProgram(name));
  if (missing.length === 0) return undefined;
  return `needs ${missing.join(', ')}: install util-linux and iproute2 ${INSTEAD}`;
};

const packagesAtHand: Check = () => {
  const missing = missingTools();
  if (missing.length === 0 || (findProgram('apt-get') && findProgram('dpkg'))) return undefined;
  return `needs ${missing.join(', ')} (busybox static) and no apt-get is here to fetch them: install them ${INSTEAD}`;
};

const goAtHand: Check = () => {
  if (findProgram('go') || clusterIsBuilt({ node: true })) return undefined;
  return `needs Go to build the kubelet and containerd: install it (https://go.dev/dl/) ${INSTEAD}`;
};

const cgroups: Check = () => {
  const wanted = cgroupVersion() === 2 ? 'cgroup.subtree_control' : 'memory';
  if (!existsSync(join('/sys/fs/cgroup', wanted))) {
    return `needs cgroups with the memory controller at /sys/fs/cgroup: mount them ${INSTEAD}`;
  }
  const probe = join('/sys/fs/cgroup', cgroupVersion() === 2 ? '' : 'memory', `hotstandby-preflight-${process.pid}`);
  try {
    mkdirSync(probe);
    rmdirSync(probe);
    return undefined;
  } catch (error) {
    return `cannot make cgroups (${(error as Error).message}): run on a machine or in a privileged container, ${INSTEAD}`;
  }
};

/** Each step of a node's start that a kernel or a container may refuse, and its name in the message. */
const KERNEL_STEPS: readonly (readonly [name: string, script: string])[] = [
  ['mount tmpfs', 'mount -t tmpfs tmpfs "$scratch/mnt"; umount "$scratch/mnt"'],
  ['mount sysfs', 'mount -t sysfs sysfs "$scratch/mnt"; umount "$scratch/mnt"'],
  ['overlayfs', 'mount -t overlay -o "lowerdir=$scratch/a,upperdir=$scratch/b,workdir=$scratch/c" o "$scratch/mnt"'],
  ['bridge', 'ip link add probe0 type bridge'],
  ['veth', 'ip link add probe1 type veth peer name probe2'],
  ['IP forwarding', 'echo 1 >/proc/sys/net/ipv4/ip_forward'],
];

const kernel: Check = () => {
  mkdirSync(cacheDirectory(), { recursive: true });
  // In the cache, because the nodes' disks are there: overlayfs does not work on every file system.
  const scratch = mkdtempSync(join(cacheDirectory(), 'preflight-'));
  try {
    for (const name of ['mnt', 'a', 'b', 'c']) mkdirSync(join(scratch, name));
    return firstRefusal(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};

function firstRefusal(scratch: string): string | undefined {
  // Each step is announced before it is tried, so the last announcement names the one that was refused.
  const script = KERNEL_STEPS.map(([name, step]) => `echo '${name}'; ${step}`).join('\n');
  const unshare = ['--net', '--mount', '--propagation', 'private', '--pid', '--fork', '--mount-proc', '--'];
  const env = { ...process.env, scratch };
  const { status, stdout } = spawnSync('unshare', [...unshare, '/bin/sh', '-ec', script], { env, encoding: 'utf8' });
  if (status === 0) return undefined;
  const step = stdout?.trim().split('\n').at(-1) || 'new namespaces';
  return `the kernel or the container refuses ${step}: use a plain or virtual machine or a privileged container, ${INSTEAD}`;
}

const subnets: Check = () => (freeIndexes().length > 0 ? undefined : NO_FREE_SUBNET);
