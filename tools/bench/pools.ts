/** The hsds under test, and beside each the Deployment the bare loop scales. */
import type { ApiClient } from '../../operator/kube/client';
import { isRetryable } from '../../operator/kube/errors';
import { paths } from '../../operator/kube/paths';
import { API_VERSION, childName, DEFAULT_BUSY_ANNOTATION, KIND } from '../../src/api/names';
import { BARE_LABEL, type Mirror, type PodLook } from './mirror';
import type { Log } from './rig';

/** One hsd. */
export interface Pool {
  namespace: string;
  name: string;
  idleTarget: number;
}

/** Who scales: told apart by the annotation each looks at, so that both watch the very same Pods. */
export interface Contender {
  name: 'operator' | 'bare loop';
  busyKey: string;
  /** Name of the Deployment it scales for an hsd. */
  target(hsd: string): string;
}

export const BARE_SUFFIX = '-bare';
export const OPERATOR: Contender = { name: 'operator', busyKey: DEFAULT_BUSY_ANNOTATION, target: childName };
export const BARE: Contender = {
  name: 'bare loop',
  busyKey: 'bench.paia.tech/busy',
  target: (hsd) => `${hsd}${BARE_SUFFIX}`,
};

const NODES = 4;
const PARALLEL = 16;
const FLIP_ATTEMPTS = 5;
const POLL_MS = 200;
/** Between "all Pods are there" and the first sample: the last marks and status writes. */
const CALM_MS = 500;

/** At most `PARALLEL` at a time. */
export async function forEach<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
  parallel = PARALLEL,
): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function createNamespaces(api: ApiClient, names: readonly string[]): Promise<void> {
  await forEach(names, (name) =>
    api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
  );
}

export async function createPools(api: ApiClient, pools: readonly Pool[]): Promise<void> {
  await forEach([...pools.entries()], async ([index, pool]) => {
    const nodeName = `kwok-${index % NODES}`;
    await api.apply(paths.deployments.one(pool.namespace, BARE.target(pool.name)), bareDeployment(pool, nodeName));
    await api.create(paths.hsds.list(pool.namespace), hsd(pool, nodeName));
  });
}

/** Another idleTarget for both contenders. A bare loop must be started after it. */
export async function resize(api: ApiClient, pool: Pool, idleTarget: number): Promise<Pool> {
  const spec = { spec: { idleTarget } };
  await api.mergePatch(paths.hsds.one(pool.namespace, pool.name), spec);
  const target = paths.deployments.one(pool.namespace, BARE.target(pool.name));
  await api.mergePatch(target, { spec: { replicas: idleTarget } });
  return { ...pool, idleTarget };
}

/** Deletes hsds with everything of theirs; resolves when their Pods are gone. */
export async function deletePools(api: ApiClient, mirror: Mirror, pools: readonly Pool[]): Promise<void> {
  await forEach(pools, async ({ namespace, name }) => {
    await api.delete(paths.hsds.one(namespace, name));
    await api.delete(paths.deployments.one(namespace, BARE.target(name)));
  });
  while (pools.some(({ namespace, name }) => mirror.podsOf(namespace, name).length > 0)) await wait(POLL_MS);
}

/** Whether every hsd has exactly its idle Pods, marked so, and both contenders' Deployments are where they began. */
function isSettled(mirror: Mirror, { namespace, name, idleTarget }: Pool): boolean {
  const pods = mirror.podsOf(namespace, name);
  const replicas = [OPERATOR, BARE].map((contender) => mirror.replicasOf(namespace, contender.target(name)));
  return pods.length === idleTarget && pods.every(isFree) && replicas.every((count) => count === idleTarget);
}

/** Waits until nothing is on its way any more; says how far it is every 10 s. Rejects after `timeoutSeconds`. */
export async function settle(mirror: Mirror, pools: readonly Pool[], log: Log, timeoutSeconds = 3_600): Promise<void> {
  const started = performance.now();
  let nextWord = 10_000;
  let open = pools;
  for (;;) {
    open = open.filter((pool) => !isSettled(mirror, pool));
    if (open.length === 0) {
      // Who was settled first may have changed since.
      open = pools.filter((pool) => !isSettled(mirror, pool));
      if (open.length === 0) break;
    }
    const elapsed = performance.now() - started;
    const free = (): number =>
      open.reduce((sum, { namespace, name }) => sum + mirror.podsOf(namespace, name).length, 0);
    const state = (): string => `${open.length} of ${pools.length} hsds not settled; these have ${free()} Pods`;
    if (elapsed > timeoutSeconds * 1000) throw new Error(`after ${timeoutSeconds} s: ${state()}`);
    if (elapsed > nextWord) {
      log(`  ${state()} after ${(elapsed / 1000).toFixed(0)} s`);
      nextWord += 10_000;
    }
    await wait(POLL_MS);
  }
  await wait(CALM_MS);
}

/** Ready, marked idle, and in nobody's session. */
export function isFree(pod: PodLook): boolean {
  const busy = [OPERATOR, BARE].some(({ busyKey }) => pod.trueKeys.includes(busyKey));
  return pod.ready && !pod.deleting && pod.state === 'idle' && !busy;
}

/** A session could not begin: the Pod was on its way out when the busy write reached it. */
export class PodGoing extends Error {
  constructor(pod: PodLook) {
    super(`Pod ${pod.namespace}/${pod.name} was already going`);
    this.name = 'PodGoing';
  }
}

/**
 * The busy write of the client protocol. Resolves with the moment its reply was there: the write is committed by then.
 * Rejects with PodGoing, or with the API server's 404, when it came too late.
 */
export async function flip(api: ApiClient, pod: PodLook, { busyKey }: Contender, busy: boolean): Promise<number> {
  const body = { metadata: { uid: pod.uid, annotations: { [busyKey]: busy ? 'true' : null } } };
  const reply = await patiently(() =>
    api.mergePatch<{ metadata: { deletionTimestamp?: string } }>(paths.pods.one(pod.namespace, pod.name), body),
  );
  const at = performance.now();
  if (busy && reply.metadata.deletionTimestamp !== undefined) throw new PodGoing(pod);
  return at;
}

function hsd({ namespace, name, idleTarget }: Pool, nodeName: string): object {
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name, namespace },
    spec: { idleTarget, selector: { matchLabels: { app: name } }, podTemplate: template({ app: name }, nodeName) },
  };
}

/** A session's Pod as people write it: its size is what an operator has to parse. The node is named: no scheduler. */
function template(labels: Record<string, string>, nodeName: string): object {
  return {
    metadata: { labels },
    spec: {
      nodeName,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 30,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [container()],
    },
  };
}

/** An API server that is overloaded for a moment is no failure; the write is the same however often it is sent. */
async function patiently<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send();
    } catch (error) {
      if (attempt === FLIP_ATTEMPTS || !isRetryable(error)) throw error;
      await wait(POLL_MS);
    }
  }
}

function container(): object {
  const fromField = (variable: string, fieldPath: string): object => ({
    name: variable,
    valueFrom: { fieldRef: { fieldPath } },
  });
  return {
    name: 'app',
    image: 'registry.example.com/rooms:1',
    env: [fromField('POD_NAMESPACE', 'metadata.namespace'), fromField('POD_NAME', 'metadata.name')],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 2 },
    resources: { requests: { cpu: '10m', memory: '48Mi' }, limits: { memory: '128Mi' } },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
  };
}

/**
 * Paused before it ever had a ReplicaSet: its replicas can be written, and no Pod comes of it. Of the same template, and
 * applied, as the operator's child is: the API server's time for a scale write grows with the object.
 */
function bareDeployment({ namespace, name, idleTarget }: Pool, nodeName: string): object {
  const labels = { [BARE_LABEL]: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: BARE.target(name), labels },
    spec: {
      paused: true,
      replicas: idleTarget,
      selector: { matchLabels: labels },
      template: template(labels, nodeName),
    },
  };
}
