import { ApiError } from '../../../operator/kube/errors';
import type { ApiServer, Change } from './api-server';
import { syncDeployment } from './deployment-controller';
import { collectGarbage } from './garbage-collector';
import { Kubelet } from './kubelet';
import type { Pod, Resource } from './objects';
import { controllerUid } from './objects';
import { syncReplicaSet } from './replica-set-controller';
import type { VirtualTime } from './time';

/** From a change to the sync it causes; a person may make a controller slower. */
const LATENCY_MS = { deployments: 8, replicasets: 5, garbage: 15 };
/** What was refused is tried again, later each time. */
const RETRY_MS = 100;
const RETRY_MAX_MS = 30_000;

export type Controller = keyof typeof LATENCY_MS;

/** kube-controller-manager and the kubelets: each change makes the controllers concerned look, a little later. */
export class Controllers {
  readonly kubelet: Kubelet;
  /** So much later than usual. */
  readonly lateMs: Partial<Record<Controller, number>> = {};
  /** So old are the Pods the ReplicaSet controller chooses among. */
  staleMs = 0;
  private readonly due = new Set<string>();
  private readonly failures = new Map<string, number>();

  constructor(
    private readonly server: ApiServer,
    private readonly time: VirtualTime,
  ) {
    this.kubelet = new Kubelet(server, time);
    server.watchers.add((change) => this.changed(change));
  }

  private changed({ type, resource, object, previous }: Change): void {
    const { namespace = '', name, uid } = object.metadata;
    const isGarbageWork = type !== 'ADDED' || object.metadata.ownerReferences !== undefined;
    if (isGarbageWork && WITH_OWNERS.has(resource)) this.schedule('garbage', '');
    if (resource === 'deployments') this.schedule('deployments', `${namespace}/${name}`);
    if (resource === 'replicasets') {
      this.schedule('replicasets', `${namespace}/${name}`);
      // Its owner, and whoever may adopt it.
      for (const { metadata } of this.server.all('deployments'))
        this.schedule('deployments', `${namespace}/${metadata.name}`);
    }
    if (resource !== 'pods') return;
    const owners = [controllerUid(object), previous && controllerUid(previous)];
    for (const rs of this.server.all('replicasets')) {
      const mayAdopt = controllerUid(object) === undefined;
      if (mayAdopt || owners.includes(rs.metadata.uid))
        this.schedule('replicasets', `${namespace}/${rs.metadata.name}`);
    }
    this.kubelet.changed(type, object as never, uid);
  }

  private schedule(
    controller: Controller,
    key: string,
    delayMs = LATENCY_MS[controller] + (this.lateMs[controller] ?? 0),
  ): void {
    const id = `${controller} ${key}`;
    if (this.due.has(id)) return;
    this.due.add(id);
    this.time.after(delayMs, () => {
      this.due.delete(id);
      this.sync(controller, key, id);
    });
  }

  private sync(controller: Controller, key: string, id: string): void {
    const [namespace = '', name = ''] = key.split('/');
    const isDone = this.attempt(() => {
      if (controller === 'garbage') return collectGarbage(this.server);
      if (controller === 'deployments') return syncDeployment(this.server, namespace, name);
      return syncReplicaSet(this.server, namespace, name, (pod) => this.seen(pod));
    });
    if (isDone) {
      this.failures.delete(id);
      return;
    }
    const failures = (this.failures.get(id) ?? 0) + 1;
    this.failures.set(id, failures);
    this.schedule(controller, key, Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** failures));
  }

  /** What a cache that is behind holds of a Pod. */
  private seen(pod: Pod): Pod {
    if (this.staleMs === 0) return pod;
    const { uid } = pod.metadata;
    const untilMs = this.time.elapsedMs - this.staleMs;
    const isOld = ({ resource, object, atMs }: Change): boolean =>
      resource === 'pods' && object.metadata.uid === uid && atMs <= untilMs;
    return (this.server.history.findLast(isOld)?.object as Pod | undefined) ?? pod;
  }

  /** False: something was refused, and is to be tried again. */
  private attempt(sync: () => boolean): boolean {
    try {
      return sync();
    } catch (error) {
      if (error instanceof ApiError) return false;
      throw error;
    }
  }
}

const WITH_OWNERS: ReadonlySet<Resource> = new Set([
  'hotstandbydeployments',
  'deployments',
  'replicasets',
  'pods',
  'poddisruptionbudgets',
]);
