import { troubleOf } from './attempts';
import type { Verdict } from './conditions';
import type { HsdView, Observation } from './model';
import type { ConditionReason, Explanation } from './reasons';
import { scheduleFault } from './schedules';
import type { Counts, StatusInput } from './status-input';

/** Status, reason and message of a condition. */
type Say = [status: 'True' | 'False' | 'Unknown', reason: ConditionReason, message: string];

const ACCEPTED: Say = ['False', 'Accepted', 'the spec can be carried out'];

/**
 * The three conditions kstatus reads. Ready turns True when the spec's generation has reached its idle target once, and
 * stays True through bursts: a Flux wait or an Argo CD wave must not fail because sessions came in. IdleTargetMet tells
 * the moment.
 */
export function readiness(input: StatusInput, counts: Counts, idle: Verdict): Verdict[] {
  const { observation, capacity, settled, waiting } = input;
  const { hsd } = observation;
  if (waiting !== undefined)
    return say(['False', waiting.reason, waiting.message], ['True', waiting.reason, waiting.message]);
  const trouble = troubleOf(observation.attempts);
  const refused = trouble?.isChild ? { reason: 'WritesRefused' as const, message: trouble.message } : undefined;
  const stuck = input.stalled ?? refused ?? stuckRollout(input, counts) ?? wrongSchedule(observation);
  if (stuck !== undefined) {
    const { reason, message } = stuck;
    return say(['False', reason, message], ['False', 'Stalled', 'see Stalled'], ['True', reason, message]);
  }
  if (hsd.spec.paused === true) {
    const message = 'spec.paused is true: the child Deployment and its Pods are left as they are';
    return say(['True', 'Paused', message], ['False', 'Paused', message]);
  }
  const wanted = Math.min(input.wanted?.spare.idleTarget ?? hsd.spec.idleTarget, capacity.idleWanted);
  if (wasReady(hsd) || (settled && counts.leftover === 0 && counts.available >= wanted)) {
    const ready = 'the child Deployment keeps the idle target';
    const done: Say = ['False', 'Ready', 'nothing left to do'];
    if (trouble === undefined) return say(['True', 'Ready', ready], done);
    return say(['True', 'WritesRefused', `${ready}, but: ${trouble.message}`], done);
  }
  const reason = settled && counts.leftover === 0 ? 'Scaling' : 'RollingOut';
  const message = [idle.message, ...(trouble ? [trouble.message] : [])].join('; ');
  return say(['False', reason, message], ['True', reason, message]);
}

/** This generation's idle target has been met at least once, as the status says. */
export function wasReady({ generation, status }: HsdView): boolean {
  const ready = status.conditions?.find((c) => c.type === 'Ready');
  return ready?.status === 'True' && ready.observedGeneration === generation && ready.reason !== 'Paused';
}

function say(ready: Say, reconciling: Say, stalled: Say = ACCEPTED): Verdict[] {
  const verdict = (type: Verdict['type'], [status, reason, message]: Say): Verdict => ({
    type,
    status,
    reason,
    message,
  });
  return [verdict('Ready', ready), verdict('Reconciling', reconciling), verdict('Stalled', stalled)];
}

/**
 * Pods of the child's template do not come up in time: the first ones of a new hsd, or of a new template, while old idle
 * Pods keep serving until it is changed or reverted. A target that was met once is no matter of rollouts any more.
 */
function stuckRollout(
  { observation: { hsd, child }, capacity }: StatusInput,
  { leftover, available }: Counts,
): Explanation | undefined {
  const message = child?.deadlineExceeded;
  if (message === undefined) return undefined;
  const isMet = wasReady(hsd) || available >= Math.min(hsd.spec.idleTarget, capacity.idleWanted);
  if (leftover === 0 && isMet) return undefined;
  const serving = leftover === 0 ? '' : `, ${leftover} idle Pods of the old one keep serving`;
  const which = leftover === 0 ? 'the template' : 'the new template';
  return {
    reason: 'ProgressDeadlineExceeded',
    message: `Pods of ${which} do not become available${serving}: ${message}`,
  };
}

/** It takes no part; the pool keeps what the rest of its spec asks for. */
function wrongSchedule({ hsd, serverNow }: Observation): Explanation | undefined {
  const faults = (hsd.spec.schedules ?? []).flatMap((schedule) => scheduleFault(schedule, serverNow) ?? []);
  return faults.length === 0 ? undefined : { reason: 'InvalidSchedule', message: faults.join('; ') };
}
