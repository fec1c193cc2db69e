import type { ApiServer } from './api-server';
import { isGoing, isReady, isRunning, type Pod } from './objects';
import type { VirtualTime } from './time';

/** What each step of a Pod's life takes. */
const STEP_MS = { schedule: 10, run: 60, ready: 150, end: 120 };

export const NODES = ['node-1', 'node-2'] as const;

/** The scheduler and the kubelets. Pods get a node, run, become Ready, and end when they are deleted. */
export class Kubelet {
  /** uids of Pods that stay NotReady. */
  readonly unready = new Set<string>();
  /** uids of Pods that do not end though they are deleted. */
  readonly hanging = new Set<string>();
  private readonly due = new Set<string>();

  constructor(
    private readonly server: ApiServer,
    private readonly time: VirtualTime,
  ) {}

  changed(type: 'ADDED' | 'MODIFIED' | 'DELETED', pod: Pod, uid: string): void {
    if (type === 'DELETED' || this.due.has(uid)) return;
    const step = this.nextStep(pod);
    if (step === undefined) return;
    this.due.add(uid);
    this.time.after(STEP_MS[step], () => {
      this.due.delete(uid);
      const live = this.server.byUid('pods', uid);
      if (live !== undefined) this.take(live);
    });
  }

  /** Its readiness changes, and stays so. */
  setReady(pod: Pod, ready: boolean): void {
    if (ready) this.unready.delete(pod.metadata.uid);
    else this.unready.add(pod.metadata.uid);
    const live = this.server.byUid('pods', pod.metadata.uid);
    if (live !== undefined && isRunning(live)) this.report(live, ready);
  }

  release(uid: string): void {
    this.hanging.delete(uid);
    const live = this.server.byUid('pods', uid);
    if (live !== undefined) this.changed('MODIFIED', live, uid);
  }

  private nextStep(pod: Pod): keyof typeof STEP_MS | undefined {
    const { uid } = pod.metadata;
    if (isGoing(pod)) return this.hanging.has(uid) ? undefined : 'end';
    if (pod.spec.nodeName === undefined) return 'schedule';
    if (!isRunning(pod)) return 'run';
    return isReady(pod) || this.unready.has(uid) ? undefined : 'ready';
  }

  private take(pod: Pod): void {
    const step = this.nextStep(pod);
    if (step === 'end') this.server.finish(pod);
    else if (step === 'schedule') this.bind(pod);
    else if (step === 'run') this.start(pod);
    else if (step === 'ready') this.report(pod, true);
  }

  private bind(pod: Pod): void {
    const nodes = NODES.filter((name) => !this.server.find('nodes', '', name)?.spec?.unschedulable);
    const nodeName = nodes[Number(pod.metadata.uid.split('-').at(-1)) % nodes.length];
    const { namespace = '', name } = pod.metadata;
    if (nodeName === undefined) return;
    this.server.update('pods', namespace, name, (live) => ({ ...live, spec: { ...live.spec, nodeName } }), {
      actor: 'scheduler',
    });
  }

  private start(pod: Pod): void {
    const number = Number(pod.metadata.uid.split('-').at(-1));
    const podIP = `10.0.${number >> 8}.${number & 255}`;
    const containerStatuses = [{ state: { running: {} } }];
    this.server.setStatus('pods', pod, { ...pod.status, phase: 'Running', podIP, containerStatuses }, 'kubelet');
  }

  private report(pod: Pod, ready: boolean): void {
    const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: this.server.timestamp() };
    this.server.setStatus('pods', pod, { ...pod.status, conditions: [condition] }, 'kubelet');
  }
}
