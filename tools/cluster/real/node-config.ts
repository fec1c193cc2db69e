/** Configuration files of one node, as the programs read them inside the node's own root (node-root.sh). */
import { stringify } from 'yaml';
import { IMAGE_NAMES } from '../../build/image/base-images';
import { cgroupVersion } from './cgroups';
import type { NodeSubnet } from './subnets';

/** Where each file is inside the node. */
export const NODE_PATHS = {
  etc: '/hotstandby/etc',
  program: '/hotstandby/bin/node',
  socket: '/run/containerd/containerd.sock',
} as const;

/** Environment of the node's programs. */
export const NODE_ENV = {
  PATH: '/hotstandby/bin:/hotstandby/runc:/usr/sbin:/usr/bin:/sbin:/bin',
  LD_LIBRARY_PATH: '/hotstandby/lib',
  HOME: '/var',
} as const;

/** What differs from node to node. */
export interface NodeSettings {
  readonly name: string;
  readonly subnet: NodeSubnet;
  /** Name of the node's bridge in the cluster's network namespace. */
  readonly bridge: string;
  /** The node's cgroup below each hierarchy, e.g. `/hotstandby-1/real-1`. */
  readonly cgroupRoot: string;
  /** Address Pods are told to ask for names; nothing answers there unless a test puts a DNS server behind it. */
  readonly clusterDns: string;
}

/** File name → content, for the node's /hotstandby/etc. */
export function nodeFiles(settings: NodeSettings): Record<string, string> {
  return {
    'containerd.toml': CONTAINERD,
    'kubelet.yaml': stringify(kubelet(settings)),
    'resolv.conf': '',
    'cni/10-bridge.conflist': JSON.stringify(cni(settings)),
  };
}

/** `pinned_images` keeps the sandbox image from the kubelet's garbage collection; NRI wants a socket in /var/run. */
const CONTAINERD = `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs"]
[grpc]
  address = "${NODE_PATHS.socket}"
[plugins.'io.containerd.internal.v1.opt']
  path = "/var/lib/containerd/opt"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "${IMAGE_NAMES.pause}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/hotstandby/bin"]
  conf_dir = "${NODE_PATHS.etc}/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd]
  default_runtime_name = "runc"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "/hotstandby/runc/runc"
  SystemdCgroup = false
`;

function kubelet({ subnet, cgroupRoot, clusterDns }: NodeSettings): object {
  const certificates = { clientCAFile: `${NODE_PATHS.etc}/ca.crt` };
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    ...(cgroupVersion() === 1 ? { failCgroupV1: false } : {}),
    cgroupDriver: 'cgroupfs',
    cgroupRoot,
    containerRuntimeEndpoint: `unix://${NODE_PATHS.socket}`,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: certificates },
    authorization: { mode: 'Webhook' },
    tlsCertFile: `${NODE_PATHS.etc}/kubelet.crt`,
    tlsPrivateKeyFile: `${NODE_PATHS.etc}/kubelet.key`,
    // The node's own address, which is also its InternalIP: if they differ, logs and exec fail.
    address: subnet.gateway,
    port: 10_250,
    readOnlyPort: 0,
    // Nodes share one loopback; nothing asks for it.
    healthzPort: 0,
    clusterDomain: 'cluster.local',
    clusterDNS: [clusterDns],
    resolvConf: `${NODE_PATHS.etc}/resolv.conf`,
    failSwapOn: false,
    // kube-proxy works with nftables; iptables need not exist.
    makeIPTablesUtilChains: false,
    volumePluginDir: '/var/lib/kubelet/volumeplugins',
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    // Images are never fetched again: there is no registry.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    nodeStatusUpdateFrequency: '5s',
    // A container that ended is back after 2 s, not 10 s and later 5 min: tests end containers on purpose.
    crashLoopBackOff: { maxContainerRestartPeriod: '2s' },
  };
}

function cni({ bridge, subnet }: NodeSettings): object {
  const ranges = [[{ subnet: subnet.cidr, gateway: subnet.gateway }]];
  const ipam = { type: 'host-local', dataDir: '/run/cni-ipam', ranges, routes: [{ dst: '0.0.0.0/0' }] };
  return {
    cniVersion: '1.0.0',
    name: 'hotstandby',
    plugins: [{ type: 'bridge', bridge, isGateway: true, ipMasq: false, hairpinMode: true, ipam }],
  };
}
