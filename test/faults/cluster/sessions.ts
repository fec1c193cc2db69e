import { ApiError } from '../../../operator/kube/errors';
import type { HttpOutcome, HttpQuestion, ProbeTransport } from '../../../operator/probe/http-probe';
import { STATE_LABEL } from '../../../src/api/names';
import type { ApiServer, Change } from './api-server';
import { isGoing, isReady, isRunning, type Pod, withMeta } from './objects';
import type { VirtualTime } from './time';

/** The app of a Pod reads from this variable which annotation says that it is busy; empty: it answers probes. */
export const KEY_VARIABLE = 'BUSY_KEY';

/** A Pod whose session was ended by somebody who had no right to. */
export interface Lost {
  pod: string;
  by: string;
  atMs: number;
}

const PROBE_MS = 2;

/** The apps in the Pods, and the people in their sessions. */
export class Sessions implements ProbeTransport {
  /** uids of Pods with a session the cluster accepted, with the time it began. */
  readonly busy = new Map<string, number>();
  readonly lost: Lost[] = [];
  /** Those whose end of a session is no loss: people, and nodes that break. */
  readonly allowed = new Set(['person', 'kubelet', 'node']);
  /** uids of Pods that do not answer their probe. */
  readonly silent = new Set<string>();

  constructor(
    private readonly server: ApiServer,
    private readonly time: VirtualTime,
    private readonly guarded: boolean,
  ) {
    server.watchers.add((change) => this.changed(change));
  }

  /**
   * Somebody comes in. A Pod that marks itself takes whoever reaches it, for as long as the API server's reply shows no
   * deletion; without the guard, and where the Pod is probed, sessions come by a Service over `state=idle` only.
   */
  start({ metadata }: Pod): boolean {
    const pod = this.server.byUid('pods', metadata.uid);
    if (pod === undefined || isGoing(pod) || !isRunning(pod) || this.busy.has(metadata.uid)) return false;
    const key = keyOf(pod);
    const isServed = isReady(pod) && pod.metadata.labels?.[STATE_LABEL] === 'idle';
    if (!isServed && (key === '' || !this.guarded)) return false;
    if (key !== '' && !this.annotate(pod, { ...pod.metadata.annotations, [key]: 'true' })) return false;
    this.busy.set(metadata.uid, this.time.elapsedMs);
    return true;
  }

  /** The same by an app that knows of no annotation but its own. */
  startWholesale({ metadata }: Pod): boolean {
    const pod = this.server.byUid('pods', metadata.uid);
    if (pod === undefined || isGoing(pod) || !isRunning(pod) || keyOf(pod) === '') return false;
    const isServed = isReady(pod) && pod.metadata.labels?.[STATE_LABEL] === 'idle';
    if (!isServed && !this.guarded) return false;
    if (!this.annotate(pod, { [keyOf(pod)]: 'true' })) return false;
    this.busy.set(metadata.uid, this.busy.get(metadata.uid) ?? this.time.elapsedMs);
    return true;
  }

  end({ metadata }: Pod): void {
    if (!this.busy.delete(metadata.uid)) return;
    const pod = this.server.byUid('pods', metadata.uid);
    if (pod === undefined || keyOf(pod) === '') return;
    const { [keyOf(pod)]: _, ...annotations } = pod.metadata.annotations ?? {};
    this.annotate(pod, annotations);
  }

  send({ ip }: HttpQuestion, done: (outcome: HttpOutcome) => void): { abort(): void } {
    const timer = this.time.after(PROBE_MS, () => {
      const pod = this.server.all('pods').find(({ status }) => status.podIP === ip);
      if (pod === undefined) return done({ reason: 'Refused' });
      if (this.silent.has(pod.metadata.uid)) return done({ reason: 'Reset' });
      done({ status: this.busy.has(pod.metadata.uid) ? 200 : 503 });
    });
    return { abort: () => timer.cancel() };
  }

  forget(): void {}

  close(): void {}

  /** False: the API server said that the Pod is going, or refused. */
  private annotate({ metadata: { namespace = '', name } }: Pod, annotations: Record<string, string>): boolean {
    try {
      const reply = this.server.update('pods', namespace, name, (live) => withMeta(live, { annotations }), {
        actor: 'app',
      });
      return !isGoing(reply);
    } catch (error) {
      if (error instanceof ApiError) return false;
      throw error;
    }
  }

  private changed({ resource, type, object, previous, actor }: Change): void {
    if (resource !== 'pods' || previous === undefined || isGoing(previous)) return;
    if (type !== 'DELETED' && !isGoing(object)) return;
    const { uid, name } = object.metadata;
    if (this.busy.delete(uid) && !this.allowed.has(actor)) {
      this.lost.push({ pod: name, by: actor, atMs: this.time.elapsedMs });
    }
  }
}

/** The annotation the app marks itself with; empty: it answers probes. */
export function keyOf({ spec }: Pod): string {
  return spec.containers[0]?.env?.find(({ name }) => name === KEY_VARIABLE)?.value ?? '';
}
