/** Every word that says why, in a condition, an Event, a log line or a metric: whoever reads them can rely on these. */

/** Of a child the API server refuses; `Refused` stands for a word of somebody else's (a webhook's). */
export const REFUSAL_REASONS = ['Invalid', 'Forbidden', 'BadRequest', 'Refused'] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** Of a Deployment that cannot be this hsd's child, or of a child there cannot be. */
const OBSTACLE_REASONS = ['ChildConflict', 'SelectorConflict', 'ReservedSelector'] as const;
export type ObstacleReason = (typeof OBSTACLE_REASONS)[number];

/** HPA's words for a wish beyond maxReplicas or below minReplicas. */
const LIMIT_REASONS = ['TooManyReplicas', 'TooFewReplicas'] as const;
export type LimitReason = (typeof LIMIT_REASONS)[number];

/** What the conditions say while sessions come and go. */
const SESSION_REASONS = ['TargetMet', 'PodsStarting', 'DesiredWithinRange', 'ScaleDownStabilized'] as const;

export const CONDITION_REASONS = [
  ...SESSION_REASONS,
  ...OBSTACLE_REASONS,
  ...REFUSAL_REASONS,
  ...LIMIT_REASONS,
  // Ready, Reconciling, Stalled; `WritesRefused`: the API server refuses a write, or takes it and does not keep it
  ...[
    'Accepted',
    'Scaling',
    'RollingOut',
    'Ready',
    'Paused',
    'Draining',
    'ChildDeleting',
    'Stalled',
    'ProgressDeadlineExceeded',
    'InvalidSchedule',
    'WritesRefused',
  ],
  // IdleTargetMet, ScalingLimited
  ...['MaxReplicasReached', 'ReplicaFailure', 'NeverAvailable'],
  // BusyProbeHealthy
  ...['Annotation', 'ProbesAnswered', 'ProbesFailing', 'ProbesForbidden'],
] as const;
export type ConditionReason = (typeof CONDITION_REASONS)[number];

export const EVENT_REASONS = [
  ...['ChildCreated', 'ScaledUp', 'ScaledDown', 'RollingOut', 'SessionExpired', 'IdleTargetSource'],
  // Warnings
  ...OBSTACLE_REASONS,
  ...REFUSAL_REASONS,
  ...['ReservedKeys', 'UnknownFields', 'BudgetConflict', 'ReconcileFailed', 'SessionDuplicate'],
] as const;
export type EventReason = (typeof EVENT_REASONS)[number];

/** What was done, or tried, when an Event was written. */
export type EventAction = 'Create' | 'Scale' | 'Apply' | 'EndSession' | 'Reconcile';

/** What a plan is about. */
const PLAN_REASONS = [
  ...['Apply', 'Scale', 'Mark', 'Settled', 'Stalled', 'Paused', 'Draining', 'Deleting', 'ChildDeleting', 'Release'],
  ...OBSTACLE_REASONS,
] as const;
export type PlanReason = (typeof PLAN_REASONS)[number];

/** What a reconcile led to. `Outdated`: somebody else was faster. */
export type ReconcileResult = PlanReason | 'Outdated' | 'Error';

/** One of these words, and the same for people. */
export interface Explanation<Reason extends string = ConditionReason> {
  reason: Reason;
  message: string;
}

/** Whether a condition that says so has only followed the sessions. */
export function isSessionReason(reason: string): boolean {
  return SESSION_REASONS.some((word) => word === reason);
}

/** Plans that leave template and ownership alone: sessions, and the marks and scale writes they cause. */
export function isSessionPlan(reason: PlanReason): boolean {
  return reason === 'Scale' || reason === 'Mark' || reason === 'Settled';
}
