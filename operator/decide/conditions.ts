import type { Condition, ConditionStatus } from '../../src/api/types';
import type { ConditionReason } from './reasons';

/** What a condition says; times and generations are filled in when it meets the one before. */
export interface Verdict {
  type: ConditionType;
  status: ConditionStatus;
  reason: ConditionReason;
  message: string;
}

/** kstatus reads the first three; the others are ours. */
export type ConditionType =
  | 'Ready'
  | 'Reconciling'
  | 'Stalled'
  | 'IdleTargetMet'
  | 'ScalingLimited'
  | 'BusyProbeHealthy';

/** Longest message: etcd and people are both better off without a whole stack trace. */
const MAX_MESSAGE = 1024;

/**
 * `message` as a condition holds it, and as the API server gives it back: half a character, which no JSON of a server
 * holds, would differ from what is stored and be written again for ever.
 */
export function conditionMessage(message: string): string {
  return message
    .toWellFormed()
    .slice(0, MAX_MESSAGE)
    .replace(/[\ud800-\udbff]$/, '');
}

/** lastTransitionTime moves only when `status` does (Kubernetes API conventions). */
export function mergeConditions(
  before: readonly Condition[] | undefined,
  verdicts: readonly Verdict[],
  generation: number,
  time: number,
): Condition[] {
  return verdicts.map((verdict) => {
    const previous = before?.find((c) => c.type === verdict.type);
    const lastTransitionTime = previous?.status === verdict.status ? previous.lastTransitionTime : timestamp(time);
    return {
      type: verdict.type,
      status: verdict.status,
      observedGeneration: generation,
      lastTransitionTime,
      reason: verdict.reason,
      message: conditionMessage(verdict.message),
    };
  });
}

/** metav1.Time: RFC 3339 in whole seconds. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
