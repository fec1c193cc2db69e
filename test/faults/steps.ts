import { BUSY_KEY_ANNOTATION, NAME_LABEL, STATE_LABEL, TEMPLATE_HASH_ANNOTATION } from '../../src/api/names';
import type { HotStandbySpec } from '../../src/api/types';
import { GARBAGE_COLLECTOR } from './cluster/garbage-collector';
import { withMeta } from './cluster/objects';
import { keyOf } from './cluster/sessions';
import { NAMESPACE, POOL, poolSpec, type Stage } from './stage';

/** The n-th Pod that is free, or busy. */
export const start = (n: number) => (stage: Stage) => {
  const free = stage.pods().filter(({ metadata }) => !stage.sessions.busy.has(metadata.uid));
  const pod = free[n];
  if (pod) stage.sessions.start(pod);
};
export const end = (n: number) => (stage: Stage) => {
  const pod = stage.pods().filter(({ metadata }) => stage.sessions.busy.has(metadata.uid))[n];
  if (pod) stage.sessions.end(pod);
};
export const spec = (changes: Partial<HotStandbySpec>) => (stage: Stage) => stage.changeSpec(changes);

export function deletePool(propagationPolicy: 'Background' | 'Foreground' | 'Orphan') {
  return (stage: Stage): void => {
    const hsd = stage.hsd();
    if (hsd === undefined) return;
    if (hsd.spec.sessions?.onDelete !== 'Drain') stage.sessions.allowed.add(GARBAGE_COLLECTOR);
    stage.server.delete('hotstandbydeployments', NAMESPACE, POOL, { actor: 'person', propagationPolicy });
  };
}

export function deleteChild(propagationPolicy: 'Background' | 'Foreground' | 'Orphan') {
  return (stage: Stage): void => {
    const child = stage.child();
    if (child === undefined) return;
    if (stage.hsd()?.spec.sessions?.onDelete !== 'Drain') stage.sessions.allowed.add(GARBAGE_COLLECTOR);
    stage.server.delete('deployments', NAMESPACE, child.metadata.name, { actor: 'person', propagationPolicy });
  };
}

export function cordon(name: string, unschedulable: boolean) {
  return (stage: Stage): void => {
    stage.server.update('nodes', '', name, (live) => ({ ...live, spec: { unschedulable } }), { actor: 'person' });
  };
}

/** A child as the original operator made it: no label of ours anywhere. */
export function original(stage: Stage): void {
  const { selector, podTemplate } = poolSpec({});
  const metadata = { labels: selector.matchLabels };
  const body = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${POOL}-workload`, labels: { 'hsd.paia.tech/name': POOL } },
    spec: { replicas: 3, selector, template: { ...podTemplate, metadata } },
  };
  stage.server.create('deployments', NAMESPACE, body, { actor: 'kopf' });
}

export function startAny(n: number) {
  return (stage: Stage): void => {
    const pod = stage.pods()[n];
    if (pod === undefined || stage.sessions.busy.has(pod.metadata.uid)) return;
    const annotations = { ...pod.metadata.annotations, [keyOf(pod)]: 'true' };
    stage.server.update('pods', NAMESPACE, pod.metadata.name, (live) => withMeta(live, { annotations }), {
      actor: 'app',
    });
    stage.sessions.busy.set(pod.metadata.uid, stage.time.elapsedMs);
  };
}

export function killLeader(stage: Stage): void {
  const [first] = stage.operators.filter(({ isAlive }) => isAlive);
  if (first === undefined) return;
  stage.kill(first);
  stage.time.after(20_000, () => void stage.startOperator());
}

/** The leader ends in an orderly way, and the other one leads at once. */
export function handOver(stage: Stage): void {
  const [first] = stage.operators.filter(({ isAlive }) => isAlive);
  if (first === undefined) return;
  stage.note(`${first.name} stops`);
  void first.stop();
  stage.time.after(20_000, () => void stage.startOperator());
}

/** A template as it stands in a running child, with all that HotStandby adds to one. */
export function copied(podTemplate: HotStandbySpec['podTemplate']): HotStandbySpec['podTemplate'] {
  const metadata = {
    labels: { [NAME_LABEL]: 'another', [STATE_LABEL]: 'starting' },
    annotations: { [BUSY_KEY_ANNOTATION]: 'paia.tech/busy', [TEMPLATE_HASH_ANNOTATION]: 'old' },
  };
  return { ...podTemplate, metadata } as HotStandbySpec['podTemplate'];
}
