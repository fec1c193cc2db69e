/**
 * Real nodes for the embedded cluster: kubelet, containerd, runc, CNI and kube-proxy without Docker, registry or systemd.
 *
 * Everything lives in namespaces below one guard process (guard.sh), which ends when its owner does:
 *
 *     guard -> hub (network, PID and mount namespace; kube-proxy; one bridge a node; linked with the machine by one veth)
 *                -> node (PID and mount namespace; containerd, kubelet) -> Pods
 *
 * so the kernel itself takes back processes, mounts, links, routes, nftables rules and net.* sysctls, and the guard
 * removes the rest (cgroups, files). Several clusters run side by side (subnets.ts).
 *
 * Not here: DNS, NetworkPolicy, PersistentVolumes, IPv6. With cgroup v2 it follows the kernel's and the kubelet's
 * documentation but has only been run with v1.
 */
import { dirname, join } from 'node:path';
import type { ApiClient } from '../../../operator/kube/client';
import type { Log } from '../../base/cache';
import { until } from '../../base/eventually';
import { nodeImage, pauseImage, pythonImage } from '../../build/image/base-images';
import type { Image } from '../../build/image/images';
import { type NodeTools, nodeTools } from '../../build/image/packages';
import { apiClient, isNodeReady, type NodeObject } from '../api';
import type { ControlPlane } from '../control-plane';
import { createCgroups } from './cgroups';
import type { Daemon } from './namespaces';
import { RealNode } from './node';
import type { NodeSettings } from './node-config';
import { type ProxyOptions, startProxy } from './proxy';
import type { RealSite } from './site';
import { MAX_NODES, nodeSubnet } from './subnets';

export { type AppImageSource, appImage, IMAGE_NAMES } from '../../build/image/base-images';
export { type Image, type ImageSource, imageFromFiles } from '../../build/image/images';
export { RealNode } from './node';
export { type Preflight, realNodesPreflight } from './preflight';
export { openRealSite, type RealSite } from './site';
export { cleanLeftovers } from './teardown';

export interface RealNodesOptions {
  /** Where the control plane listens too: it must have been started with `site.controlPlaneOptions`. */
  readonly site: RealSite;
  /** 1..7. Default 1. */
  readonly count?: number;
  readonly log: Log;
}

/** The running nodes of one cluster. */
export interface RealNodes {
  /** What the nodes stand on; `site.subnets` has the cluster's addresses. */
  readonly site: RealSite;
  /** `real-1`, `real-2`, … */
  readonly nodes: readonly RealNode[];
  /** Base images all nodes have; `python` only where this machine has Python 3. */
  readonly images: { readonly node: Image; readonly python?: Image };
  /** The node of that name. Fails with the names there are. */
  node(name: string): RealNode;
  /** Gives all nodes more images, e.g. from `appImage`. */
  loadImages(images: readonly Image[]): Promise<void>;
  /** Ends every node and kube-proxy. The site is closed by its owner. Safe to call twice. */
  stop(): Promise<void>;
}

/** Registration takes about 3 s; a machine under full load has needed ten times that. */
const READY_TIMEOUT_MS = 120_000;

/** Starts nodes and kube-proxy. Resolves when all nodes are Ready; stops what it started when it fails. */
export async function startRealNodes(controlPlane: ControlPlane, options: RealNodesOptions): Promise<RealNodes> {
  const { site, count = 1, log } = options;
  if (!Number.isInteger(count) || count < 1 || count > MAX_NODES) {
    throw new Error(`count ${count}: a cluster has 1 to ${MAX_NODES} real nodes`);
  }
  const tools = await nodeTools(log);
  const images = await baseImages(site, tools, log);
  const names = Array.from({ length: count }, (_, index) => `real-${index + 1}`);
  await createCgroups(site.cgroup, names);
  const programs = { binaries: site.programs, runc: dirname(tools.runc), libraries: tools.libraries };
  const common = { controlPlane, hubPid: site.hubPid, logs: controlPlane.logs, log };
  const nodes = names.map((name, index) => {
    const settings = nodeSettings(site, name, index + 1);
    return new RealNode({ ...common, settings, programs, dir: join(site.dir, name) });
  });
  const cluster = new StartedNodes(site, nodes, images);
  try {
    const { podCidr } = site.subnets;
    await cluster.start({
      ...common,
      binaries: site.programs,
      tools,
      podCidr,
      nodeName: names[0] ?? '',
      dir: site.dir,
    });
    await allReady(controlPlane, names);
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function nodeSettings({ subnets, cgroup }: RealSite, name: string, number: number): NodeSettings {
  return {
    name,
    subnet: nodeSubnet(subnets.index, number),
    bridge: `pods${number}`,
    cgroupRoot: `/${cgroup}/${name}`,
    clusterDns: subnets.dnsAddress,
  };
}

class StartedNodes implements RealNodes {
  private proxy?: Daemon;

  constructor(
    readonly site: RealSite,
    readonly nodes: readonly RealNode[],
    readonly images: BaseImages,
  ) {}

  async start(proxy: ProxyOptions): Promise<void> {
    const { pause, node, python } = this.images;
    const images = [pause, node, ...(python ? [python] : [])];
    const proxyStarts = startProxy(proxy).then((daemon) => {
      this.proxy = daemon;
    });
    await Promise.all([proxyStarts, ...this.nodes.map((each) => each.create(images))]);
  }

  node(name: string): RealNode {
    const found = this.nodes.find((node) => node.name === name);
    if (!found) throw new Error(`no node "${name}": there are ${this.nodes.map((node) => node.name).join(', ')}`);
    return found;
  }

  async loadImages(images: readonly Image[]): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.loadImages(images)));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodes.map((node) => node.powerOff()), this.proxy?.stop('SIGKILL')]);
  }
}

interface BaseImages {
  readonly pause: Image;
  readonly node: Image;
  readonly python?: Image;
}

async function baseImages(site: RealSite, tools: NodeTools, log: Log): Promise<BaseImages> {
  const [pause, node, python] = await Promise.all([
    pauseImage(site.programs),
    nodeImage(tools.busybox),
    pythonImage(tools.busybox),
  ]);
  if (!python) log('no python3 on this machine: the image for Python apps is left out');
  return { pause, node, python };
}

async function allReady(controlPlane: ControlPlane, names: readonly string[]): Promise<void> {
  const client = apiClient(controlPlane.connection);
  try {
    await Promise.all(
      names.map((name) =>
        until(
          `node ${name} Ready (see ${join(controlPlane.logs, `${name}-kubelet.log`)})`,
          () => isReady(client, name),
          READY_TIMEOUT_MS,
        ),
      ),
    );
  } finally {
    await client.close();
  }
}

async function isReady(client: ApiClient, name: string): Promise<true | undefined> {
  const node = await client.get<NodeObject>(`/api/v1/nodes/${name}`).catch(() => undefined);
  return (node && isNodeReady(node)) || undefined;
}
