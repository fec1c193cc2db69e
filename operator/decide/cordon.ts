import type { HotStandbySpec } from '../../src/api/types';
import type { Observation, Write } from './model';
import type { PodFacts } from './pods';

/** The taint that stands for `spec.unschedulable` (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration). */
const CORDON = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/**
 * Whether Pods with these tolerations are scheduled to cordoned nodes as to any other: a cordon is not about them.
 *
 * @param tolerations of a Pod or its template, whatever was written there
 */
export function toleratesCordon(tolerations: unknown): boolean {
  return Array.isArray(tolerations) && tolerations.some((toleration: unknown) => isForCordon(toleration));
}

/** As the scheduler's ToleratesTaint reads one; a taint that stands for a cordon has no value. */
function isForCordon(toleration: unknown): boolean {
  if (typeof toleration !== 'object' || toleration === null) return false;
  const { key, operator, value, effect } = toleration as Partial<Record<string, unknown>>;
  const isEveryKey = !key && operator === 'Exists';
  if (!isEveryKey && key !== CORDON.key) return false;
  return (!effect || effect === CORDON.effect) && (operator === 'Exists' || !value);
}

/** Whether a Pod made from this template could land on a cordoned node again: then replacing one there leads nowhere. */
export function ignoresCordon({ podTemplate }: HotStandbySpec): boolean {
  const spec: Partial<Record<string, unknown>> = podTemplate.spec ?? {};
  return Boolean(spec.nodeName) || toleratesCordon(spec.tolerations);
}

/**
 * Detached, an idle Pod on a cordoned node is replaced elsewhere, and goes when the other one is available.
 *
 * @param idleWanted so many can wait for their replacement at once, and as many again when the next node is cordoned
 * meanwhile: a scheduler that knows no cordons would send every replacement to where the one before was taken from
 */
export function cordonWrites({ hsd }: Observation, facts: readonly PodFacts[], idleWanted: number): Write[] {
  const waiting = facts.filter((f) => f.cordoned && !f.attached && !f.spared && f.pod.controller?.uid === hsd.uid);
  const room = Math.max(0, 2 * Math.max(1, idleWanted) - waiting.length);
  // A Pod marked by this very plan has another resourceVersion then: it is detached by the next one.
  return facts
    .filter((f) => f.attached && f.cordoned && !f.spared && f.pod.state === 'draining')
    .slice(0, room)
    .map(({ pod }): Write => ({ kind: 'ownPod', pod }));
}
