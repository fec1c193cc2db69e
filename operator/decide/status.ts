import type { HotStandbyStatus } from '../../src/api/types';
import { capacityStatus, withLearned } from './capacity-status';
import { mergeConditions, timestamp, type Verdict } from './conditions';
import type { Bounded } from './growth';
import { selectorText } from './labels';
import type { HsdView } from './model';
import { busyKeyOf, stateOf } from './pods';
import { readiness } from './readiness';
import type { ConditionReason } from './reasons';
import { keysLeftOut } from './reserved';
import type { Counts, StatusInput } from './status-input';

export function statusOf(input: StatusInput): HotStandbyStatus {
  const { observation, facts, capacity, wanted } = input;
  const { hsd, serverNow } = observation;
  const c = countPods(input);
  const conditions = mergeConditions(hsd.status.conditions, verdicts(input, c), hsd.generation, serverNow);
  const { lastScaleTime = hsd.status.lastScaleTime } = observation;
  const status: HotStandbyStatus = {
    observedGeneration: hsd.generation,
    desiredReplicas: capacity.desired,
    busyCount: c.busy,
    idleCount: facts.length - c.busy,
    availableCount: c.available,
    startingCount: c.starting,
    drainingCount: c.draining,
    detachedCount: c.detached,
    unknownCount: c.unknown,
    waitingCount: observation.claims.waiting,
    sessionCount: c.claimed,
    ...oldestSession(facts),
    ...(wanted && { capacity: capacityStatus(observation, wanted) }),
    replicas: facts.length,
    readyReplicas: c.ready,
    selector: selectorText(hsd.spec.selector.matchLabels),
    ...availableTemplate(input),
    ...(lastScaleTime !== undefined && { lastScaleTime }),
    conditions,
  };
  return withLearned(status, observation, wanted);
}

function oldestSession(facts: StatusInput['facts']): { oldestSessionTime?: string } {
  const since = facts.flatMap((f) => (f.busy && f.pod.session?.claimedAt) || []);
  return since.length === 0 ? {} : { oldestSessionTime: timestamp(Math.min(...since)) };
}

function availableTemplate({ observation, bounded }: StatusInput): { availableTemplate?: string } {
  const template = bounded?.growth.proven || observation.hsd.status.availableTemplate;
  return template === undefined ? {} : { availableTemplate: template };
}

function countPods({ observation, facts, victims }: StatusInput): Counts {
  const states = facts.map((f) => ({ ...f, state: stateOf(f, victims.has(f.pod.uid)) }));
  const count = (test: (f: (typeof states)[number]) => boolean): number => states.filter(test).length;
  return {
    busy: count((f) => f.state === 'busy'),
    available: count((f) => f.free && f.state === 'idle'),
    starting: count((f) => f.state === 'starting'),
    draining: count((f) => f.state === 'draining'),
    detached: count((f) => !f.attached),
    leftover: count((f) => !f.attached && !f.busy),
    unknown: count((f) => f.unknown),
    failing: count((f) => f.unknown && f.pod.ready && observation.probes.get(f.pod.uid)?.state === 'unknown'),
    ready: count((f) => f.pod.ready),
    claimed: count((f) => f.busy && f.pod.session !== undefined),
  };
}

function verdicts(input: StatusInput, counts: Counts): Verdict[] {
  const idle = idleTargetMet(input, counts);
  return [...readiness(input, counts, idle), idle, scalingLimited(input), busyProbeHealthy(input, counts)];
}

function idleTargetMet({ observation, capacity, wanted, stalled, bounded }: StatusInput, counts: Counts): Verdict {
  const target = wanted?.spare.idleTarget ?? observation.hsd.spec.idleTarget;
  const have = `${counts.available} of ${target} idle Pods available`;
  const verdict = (status: 'True' | 'False', reason: ConditionReason, message: string): Verdict => ({
    type: 'IdleTargetMet',
    status,
    reason,
    message,
  });
  if (counts.available >= target) return verdict('True', 'TargetMet', `at least ${target} idle Pods are available`);
  if (stalled !== undefined && observation.child === undefined) return verdict('False', stalled.reason, have);
  const failure = observation.child?.replicaFailure;
  if (failure !== undefined) return verdict('False', 'ReplicaFailure', `${have}: ${failure}`);
  if (capacity.limit === 'TooManyReplicas' && counts.available >= capacity.idleWanted) {
    return verdict('False', 'MaxReplicasReached', `${have}: maxReplicas leaves room for ${capacity.idleWanted}`);
  }
  if (bounded?.bornBusy !== undefined) return verdict('False', 'NeverAvailable', `${have}: ${neverAvailable(bounded)}`);
  return verdict('False', 'PodsStarting', have);
}

function neverAvailable({ bornBusy, replicas }: Bounded): string {
  if (bornBusy === 0)
    return `no Pod of this template was ever available, so growth is held back at ${replicas} until one is`;
  return `${bornBusy} Pods of this template are busy and none was ever available, so growth is held back at ${replicas} until one is. Does the app mark itself busy, or answer its probe so, before a session begins?`;
}

function scalingLimited({ observation, capacity, wanted, stabilized, bounded }: StatusInput): Verdict {
  const { maxReplicas } = observation.hsd.spec;
  const minReplicas = wanted?.spare.minReplicas ?? observation.hsd.spec.minReplicas;
  const type = 'ScalingLimited';
  if (capacity.limit === 'TooManyReplicas') {
    return {
      type,
      status: 'True',
      reason: capacity.limit,
      message: `busy + idleTarget is more than maxReplicas (${maxReplicas})`,
    };
  }
  if (capacity.limit === 'TooFewReplicas') {
    return {
      type,
      status: 'True',
      reason: capacity.limit,
      message: `busy + idleTarget is less than minReplicas (${minReplicas})`,
    };
  }
  if (bounded?.bornBusy !== undefined) {
    return { type, status: 'True', reason: 'NeverAvailable', message: neverAvailable(bounded) };
  }
  if (stabilized?.waitMs !== undefined) {
    const message = `scaling down to ${capacity.desired} waits for behavior.scaleDown.stabilizationWindowSeconds`;
    return { type, status: 'True', reason: 'ScaleDownStabilized', message };
  }
  return { type, status: 'False', reason: 'DesiredWithinRange', message: 'busy + idleTarget is within the limits' };
}

function busyProbeHealthy({ observation }: StatusInput, { failing, unknown }: Counts): Verdict {
  const type = 'BusyProbeHealthy';
  const { mode, http } = observation.hsd.spec.busyProbe ?? {};
  if (mode !== 'http' && http === undefined && unknown > 0) {
    const message = `${unknown} Pods were started for HTTP probes, and spec.busyProbe.http no longer says how to ask them; they keep their last state and are not ended. Put it back, beside mode: annotation, until their sessions are over, or delete them.`;
    return { type, status: 'False', reason: 'ProbesFailing', message };
  }
  if (mode !== 'http' && failing === 0) {
    const message = ['busy is read from the annotation', ...leftOut(observation.hsd)].join('; ');
    return { type, status: 'True', reason: 'Annotation', message };
  }
  if (failing === 0)
    return { type, status: 'True', reason: 'ProbesAnswered', message: 'every Ready Pod answers its probe' };
  if ([...observation.probes.values()].some(({ reason }) => reason === 'Forbidden')) {
    const message =
      'the API server refuses the operator "get pods/proxy", which busyProbe.http.via: APIServerProxy needs: grant it (docs/operations.md, Permissions). Its Pods keep their last state and are not ended.';
    return { type, status: 'False', reason: 'ProbesForbidden', message };
  }
  const message = `${failing} Ready Pods do not answer their probe; they keep their last state and are not ended. Check busyProbe.http.port and path.`;
  return { type, status: 'False', reason: 'ProbesFailing', message };
}

/** An Event is gone after an hour; a mark people expect on their Pods and do not find is a riddle for longer. */
function leftOut({ spec }: HsdView): string[] {
  const key = busyKeyOf(spec);
  return keysLeftOut(spec).flatMap((left) =>
    left === key ? [`${left} of the Pod template is left out: no Pod is born busy`] : [],
  );
}
