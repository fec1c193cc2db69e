import type { Condition, HotStandbyStatus } from '../../src/api/types';
import type { ConditionType } from '../decide/conditions';
import { isSessionReason } from '../decide/reasons';

/**
 * Longest time the status of an ordinary session waits for what follows from it: the new Pod's readiness, or the second of
 * drain grace and the end of the spare one. Then one write tells of all of it.
 */
export const STATUS_DELAY_MS = 2_000;

/** Conditions people and tools wait for: a change of theirs is told at once. */
const AWAITED: ReadonlySet<string> = new Set<ConditionType>(['Ready', 'Reconciling', 'Stalled', 'BusyProbeHealthy']);

/** How long the write of `next` may wait, given what was written last; 0: not at all. */
export function statusDelayMs(written: HotStandbyStatus, next: HotStandbyStatus): number {
  const isNews = written.observedGeneration !== next.observedGeneration || hasNotableChange(written, next);
  return isNews || isCalm(next) ? 0 : STATUS_DELAY_MS;
}

function hasNotableChange(written: HotStandbyStatus, next: HotStandbyStatus): boolean {
  return (next.conditions ?? []).some((condition) => {
    const before = written.conditions?.find(({ type }) => type === condition.type);
    return before === undefined || isNotable(before, condition);
  });
}

function isNotable(before: Condition, { type, status, reason }: Condition): boolean {
  if (AWAITED.has(type)) return before.status !== status || before.reason !== reason;
  return before.reason !== reason && !isSessionReason(reason);
}

/** No Pod is on its way: the next event is another session's. */
function isCalm({ startingCount, drainingCount, replicas, desiredReplicas }: HotStandbyStatus): boolean {
  return !startingCount && !drainingCount && replicas === desiredReplicas;
}
