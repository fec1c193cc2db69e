import { STATUS_DELAY_MS, statusDelayMs } from '../../../operator/reconcile/status-timing';
import type { Condition, ConditionStatus, HotStandbyStatus } from '../../../src/api/types';

const condition = (type: string, status: ConditionStatus, reason: string): Condition => ({
  type,
  status,
  reason,
  message: '',
  observedGeneration: 1,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

const READY = condition('Ready', 'True', 'Ready');
const MET = condition('IdleTargetMet', 'True', 'TargetMet');
const STARTING = condition('IdleTargetMet', 'False', 'PodsStarting');
const IN_RANGE = condition('ScalingLimited', 'False', 'DesiredWithinRange');

/** Two idle Pods, as wanted. */
const rest: HotStandbyStatus = {
  observedGeneration: 1,
  desiredReplicas: 2,
  replicas: 2,
  busyCount: 0,
  startingCount: 0,
  drainingCount: 0,
  conditions: [READY, MET, IN_RANGE],
};
/** A session has begun; its successor is not there yet. */
const begun: HotStandbyStatus = { ...rest, busyCount: 1, desiredReplicas: 3, conditions: [READY, STARTING, IN_RANGE] };

test.each<[string, HotStandbyStatus, HotStandbyStatus]>([
  ['a session begins and its successor is missing', rest, begun],
  ['the successor is starting', rest, { ...begun, replicas: 3, startingCount: 1 }],
  ['a session ends and the spare Pod drains', rest, { ...rest, replicas: 3, drainingCount: 1 }],
  [
    'a stabilization window holds Pods',
    rest,
    {
      ...rest,
      replicas: 3,
      conditions: [READY, MET, condition('ScalingLimited', 'True', 'ScaleDownStabilized')],
    },
  ],
])('the status waits while %s', (_name, written, next) => {
  expect(statusDelayMs(written, next)).toBe(STATUS_DELAY_MS);
});

test.each<[string, HotStandbyStatus, HotStandbyStatus]>([
  ['the first status', {}, begun],
  ['another generation of the spec', rest, { ...begun, observedGeneration: 2 }],
  ['everything is there again', rest, { ...begun, replicas: 3, conditions: [READY, MET, IN_RANGE] }],
  ['it is not Ready any more', rest, { ...begun, conditions: [condition('Ready', 'False', 'RollingOut'), STARTING] }],
  [
    'it has become Ready',
    { ...begun, conditions: [condition('Ready', 'False', 'Scaling'), STARTING, IN_RANGE] },
    begun,
  ],
  [
    'it is Stalled',
    rest,
    { ...begun, conditions: [READY, STARTING, IN_RANGE, condition('Stalled', 'True', 'Invalid')] },
  ],
  [
    'maxReplicas is reached',
    rest,
    {
      ...begun,
      conditions: [READY, STARTING, condition('ScalingLimited', 'True', 'TooManyReplicas')],
    },
  ],
  [
    'a quota keeps Pods away',
    rest,
    {
      ...begun,
      conditions: [READY, condition('IdleTargetMet', 'False', 'ReplicaFailure'), IN_RANGE],
    },
  ],
])('the status is written at once: %s', (_name, written, next) => {
  expect(statusDelayMs(written, next)).toBe(0);
});
