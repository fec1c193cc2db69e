/** The cluster's programs, from the Go modules pinned in binaries/go.mod. */
import { join } from 'node:path';
import type { Log } from '../base/cache';
import { buildGo, type GoTarget, isBuilt, moduleVersion } from '../base/go-build';

const MODULE = join(__dirname, 'binaries');
const RELEASE = releaseFlags(moduleVersion(MODULE, 'k8s.io/kubernetes'));
const CONTAINERD = 'github.com/containerd/containerd/v2';

/** A multi-call binary `etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kwok`. */
export const CONTROL_PLANE: GoTarget = {
  name: 'control-plane',
  module: MODULE,
  sources: ['control-plane', 'lifeline'],
  packages: ['./control-plane'],
  flags: ['-ldflags', RELEASE],
  duration: 'about 5 minutes',
  alternative: 'set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver',
};

/** `node` (multi-call `kubelet|kube-proxy|containerd|ctr`), `containerd-shim-runc-v2`, `bridge`, `loopback`, `host-local`, `pause`. */
export const NODE: GoTarget = {
  name: 'node',
  module: MODULE,
  sources: ['node', 'lifeline', 'pause'],
  packages: [
    './node',
    './pause',
    `${CONTAINERD}/cmd/containerd-shim-runc-v2`,
    'github.com/containernetworking/plugins/plugins/ipam/host-local',
    'github.com/containernetworking/plugins/plugins/main/bridge',
    'github.com/containernetworking/plugins/plugins/main/loopback',
  ],
  flags: [
    // File systems a test node never has; the tracing exporters alone are 9 MB.
    ...['-tags', 'no_btrfs,no_devmapper,no_zfs,no_aufs,no_tracing'],
    '-ldflags',
    `${RELEASE} -X ${CONTAINERD}/version.Version=${moduleVersion(MODULE, CONTAINERD).slice(1)}`,
  ],
  duration: 'about 1 minute after the control plane',
};

/** Folder with the programs of NODE. */
export function buildNodePrograms(log: Log): Promise<string> {
  return buildGo(NODE, log);
}

/** Whether nothing is left to build for a cluster with kwok nodes, or with real ones. */
export function clusterIsBuilt({ node = false }: { node?: boolean } = {}): boolean {
  return isBuilt(CONTROL_PLANE) && (!node || isBuilt(NODE));
}

/** Without these a server says v0.0.0-master and refuses what looks like version skew. */
function releaseFlags(version: string): string {
  const [major, minor] = version.slice(1).split('.');
  const variable = 'k8s.io/component-base/version';
  return `-s -w -X ${variable}.gitVersion=${version} -X ${variable}.gitMajor=${major} -X ${variable}.gitMinor=${minor}`;
}
