/** The benchmark's own eyes: Pods and Deployments as the API server reports them, and the moment it did. */
import type { ApiClient } from '../../operator/kube/client';
import { systemClock } from '../../operator/kube/clock';
import { silentLogger } from '../../operator/kube/logger';
import { paths } from '../../operator/kube/paths';
import { Reflector } from '../../operator/kube/reflector';
import type { Versioned } from '../../operator/kube/store';
import type { DeploymentObject, PodObject } from '../../operator/observe/project';
import { NAME_LABEL, STATE_LABEL } from '../../src/api/names';

/** The label of the Deployments the bare loop scales. */
export const BARE_LABEL = 'bench.paia.tech/bare';

export interface PodLook extends Versioned {
  hsd: string;
  ready: boolean;
  deleting: boolean;
  state: string | undefined;
  /** Annotations with the value "true". */
  trueKeys: readonly string[];
}

export interface DeploymentLook extends Versioned {
  replicas: number;
}

interface Waiter {
  enough: (replicas: number) => boolean;
  resolve: (at: number) => void;
}

export class Mirror {
  private readonly podWatch: Reflector<PodLook>;
  private readonly deploymentWatches: readonly Reflector<DeploymentLook>[];
  private readonly replicas = new Map<string, number>();
  private readonly waiters = new Map<string, Set<Waiter>>();
  /** Live Pods by `namespace/hsd`, then uid. */
  private readonly byHsd = new Map<string, Map<string, PodLook>>();
  /** Called for every change of a Pod. */
  onPod: (change: { current?: PodLook; previous?: PodLook }) => void = () => undefined;

  constructor(api: ApiClient) {
    const common = { client: api, clock: systemClock, random: Math.random, logger: silentLogger };
    this.podWatch = new Reflector<PodLook>({
      ...common,
      path: paths.pods.list(),
      query: { labelSelector: NAME_LABEL },
      transform: (object) => lookAtPod(object),
      onChange: (change) => this.podChanged(change),
    });
    this.deploymentWatches = [NAME_LABEL, BARE_LABEL].map(
      (labelSelector) =>
        new Reflector<DeploymentLook>({
          ...common,
          path: paths.deployments.list(),
          query: { labelSelector },
          transform: (object) => lookAtDeployment(object),
          onChange: ({ current }) => this.deploymentChanged(current),
        }),
    );
  }

  async start(): Promise<void> {
    const all = [this.podWatch, ...this.deploymentWatches];
    for (const watch of all) watch.start();
    await Promise.all(all.map((watch) => watch.whenSynced()));
  }

  async stop(): Promise<void> {
    await Promise.all([this.podWatch, ...this.deploymentWatches].map((watch) => watch.stop()));
  }

  /** Pods of an hsd that are not on their way out. */
  podsOf(namespace: string, hsd: string): PodLook[] {
    return [...(this.byHsd.get(`${namespace}/${hsd}`)?.values() ?? [])];
  }

  podByUid(uid: string): PodLook | undefined {
    return this.podWatch.byUid(uid);
  }

  replicasOf(namespace: string, deployment: string): number {
    return this.replicas.get(`${namespace}/${deployment}`) ?? Number.NaN;
  }

  /** Resolves, as soon as the Deployment's replicas are `enough`, with the moment by performance.now(); rejects late. */
  whenReplicas(
    namespace: string,
    deployment: string,
    enough: (replicas: number) => boolean,
    timeoutMs = 60_000,
  ): Promise<number> {
    const key = `${namespace}/${deployment}`;
    if (enough(this.replicasOf(namespace, deployment))) return Promise.resolve(performance.now());
    const waiters = this.waiters.get(key) ?? new Set();
    this.waiters.set(key, waiters);
    return new Promise((resolve, reject) => {
      const late = (): void => {
        waiters.delete(waiter);
        reject(new Error(`Deployment ${key} stayed at ${this.replicas.get(key)} replicas for ${timeoutMs / 1000} s`));
      };
      const timer = setTimeout(late, timeoutMs);
      const waiter: Waiter = {
        enough,
        resolve: (at) => {
          clearTimeout(timer);
          resolve(at);
        },
      };
      waiters.add(waiter);
    });
  }

  private deploymentChanged(current: DeploymentLook | undefined): void {
    if (current === undefined) return;
    const at = performance.now();
    const key = `${current.namespace}/${current.name}`;
    this.replicas.set(key, current.replicas);
    for (const waiter of this.waiters.get(key) ?? []) {
      if (!waiter.enough(current.replicas)) continue;
      this.waiters.get(key)?.delete(waiter);
      waiter.resolve(at);
    }
  }

  private podChanged(change: { current?: PodLook; previous?: PodLook }): void {
    const { current, previous } = change;
    if (previous) this.byHsd.get(`${previous.namespace}/${previous.hsd}`)?.delete(previous.uid);
    if (current && !current.deleting) {
      const key = `${current.namespace}/${current.hsd}`;
      const pods = this.byHsd.get(key) ?? new Map<string, PodLook>();
      this.byHsd.set(key, pods);
      pods.set(current.uid, current);
    }
    this.onPod(change);
  }
}

function lookAtPod({ metadata, status }: PodObject): PodLook {
  const { uid, namespace = '', name, resourceVersion, labels = {}, annotations = {} } = metadata;
  return {
    uid,
    namespace,
    name,
    resourceVersion,
    hsd: labels[NAME_LABEL] ?? '',
    ready: status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false,
    deleting: metadata.deletionTimestamp !== undefined,
    state: labels[STATE_LABEL],
    trueKeys: Object.keys(annotations).filter((key) => annotations[key] === 'true'),
  };
}

function lookAtDeployment({ metadata, spec }: DeploymentObject): DeploymentLook {
  const { uid, namespace = '', name, resourceVersion } = metadata;
  return { uid, namespace, name, resourceVersion, replicas: spec?.replicas ?? 0 };
}
