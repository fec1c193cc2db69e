/** Nodes without machines: kwok answers for them, so that thousands of Pods become Ready at no cost. */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { ApiClient } from '../../operator/kube/client';
import { apiClient, isNodeReady, type NodeObject } from './api';
import type { ControlPlane } from './control-plane';
import { waitReady } from './guardian';
import { canBind } from './ports';

export interface KwokOptions {
  /** How many nodes. Default 2. */
  count?: number;
  /** Pods each node takes. Default 10,000. */
  podsPerNode?: number;
}

export interface KwokNodes {
  /** Names of the nodes, `kwok-0` on. */
  readonly names: string[];
  /**
   * Where Pod IPs come from, one range a cluster. On Linux it is loopback, so a server started by a test on a Pod's IP
   * answers for that Pod. Kubernetes keeps loopback addresses out of EndpointSlices: a Service does not list them.
   */
  readonly podCidr: string;
}

const STAGES = join(__dirname, 'kwok.yaml');
/** The annotation kwok's own documentation uses to say which nodes are its. */
const MANAGED = 'kwok.x-k8s.io/node';
/** Ranges 127.16.0.0/16 to 127.126.0.0/16; below is where people's own aliases live (127.0.0.1, 127.0.1.1, 127.0.0.53). */
const FIRST_RANGE = 16;
const LAST_RANGE = 126;
const MAX_TRIES = 50;
/** kwok's own server holds this port on its range's last address: that is how a range is taken, and freed by its end. */
const CLAIM_PORT = 10_247;

/** Starts kwok in `controlPlane` and returns when its nodes are Ready. kwok stops with the control plane. */
export async function startKwokNodes(controlPlane: ControlPlane, options: KwokOptions = {}): Promise<KwokNodes> {
  const { count = 2, podsPerNode = 10_000 } = options;
  const range = await claimRange();
  const kubeconfig = controlPlane.issueKubeconfig('kwok', { commonName: 'kwok', organizations: ['system:masters'] });
  const kwok = await controlPlane.run('kwok', [
    `--kubeconfig=${kubeconfig}`,
    `--config=${STAGES}`,
    `--cidr=${range.podCidr}`,
    `--manage-nodes-with-annotation-selector=${MANAGED}=fake`,
    ...range.args,
  ]);
  const names = Array.from({ length: count }, (_, index) => `kwok-${index}`);
  const client = apiClient(controlPlane.connection);
  try {
    await Promise.all(
      names.map((name, index) => createNode(client, name, nodeAddress(range.podCidr, index), podsPerNode)),
    );
    await waitReady(kwok, () => allReady(client, count));
  } finally {
    await client.close();
  }
  return { names, podCidr: range.podCidr };
}

async function claimRange(): Promise<{ podCidr: string; args: string[] }> {
  // Elsewhere 127.0.0.1 is the only loopback address: Pods get IPs that nothing can answer at.
  if (process.platform !== 'linux') return { podCidr: '10.244.0.0/16', args: [] };
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const range = randomInt(FIRST_RANGE, LAST_RANGE + 1);
    const claim = `127.${range}.255.254`;
    if (await canBind(claim, CLAIM_PORT)) {
      return { podCidr: `127.${range}.0.0/16`, args: [`--server-address=${claim}:${CLAIM_PORT}`] };
    }
  }
  throw new Error(
    `no loopback range free for Pod IPs: port ${CLAIM_PORT} is taken in ${MAX_TRIES} of 127.${FIRST_RANGE}-${LAST_RANGE}.255.254`,
  );
}

/** From 127.x.240.0 up, out of the way of Pods, which are numbered from 127.x.0.1. */
function nodeAddress(podCidr: string, index: number): string {
  const [first, second] = podCidr.split('.');
  return [first, second, 240 + Math.floor(index / 250), (index % 250) + 1].join('.');
}

async function createNode(client: ApiClient, name: string, address: string, pods: number): Promise<void> {
  const resources = { cpu: '1k', memory: '4Ti', 'ephemeral-storage': '4Ti', pods: String(pods) };
  await client.create('/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { [MANAGED]: 'fake' },
      labels: {
        type: 'kwok',
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/role': 'agent',
      },
    },
    status: {
      allocatable: resources,
      capacity: resources,
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
    },
  });
}

/** Ready, and free of the not-ready taint the node controller puts on a new node. */
async function allReady(client: ApiClient, count: number): Promise<boolean> {
  const { items } = await client.list<NodeObject>('/api/v1/nodes');
  return items.filter((node) => node.spec.taints === undefined && isNodeReady(node)).length === count;
}
