import { type Container, RestartPolicy, type Workload } from 'cdk8s-plus-28';
import { DEFAULT_BUSY_ANNOTATION, MAX_NAME_LENGTH, NAME_LABEL, RESERVED_PREFIX } from './api/names';
import type { BusyProbe } from './busy-probe';
import type { HotStandbyProps } from './hot-standby-props';
import type { IdleSchedule } from './spare-capacity';
import { checkDuration, checkInteger, checkOrder, isDnsSubdomain, isLabelValue, isQualifiedName } from './validation';

/** Seconds; the API server's default. */
const DEFAULT_PROGRESS_DEADLINE = 600;

/** Throws when a property is out of its bounds or contradicts another one. */
export function checkProps(props: HotStandbyProps): void {
  checkInteger('idleTarget', props.idleTarget, { min: 0 });
  checkInteger('minReplicas', props.minReplicas, { min: 0 });
  checkInteger('maxReplicas', props.maxReplicas, { min: 1 });
  checkOrder('minReplicas', props.minReplicas, 'maxReplicas', props.maxReplicas);
  checkInteger('idlePercent', props.idlePercent, { min: 0, max: 1000 });
  checkSchedules(props.schedules ?? []);
  if (props.autoIdle !== undefined && props.autoIdle._max === undefined && props.maxReplicas === undefined) {
    throw new Error("'autoIdle' needs an upper bound: give it 'max', or the HotStandby 'maxReplicas'");
  }
  checkInteger('revisionHistoryLimit', props.revisionHistoryLimit, { min: 0 });
  checkDuration('scaleDownStabilizationWindow', props.scaleDownStabilizationWindow, { min: 0, max: 3600 });
  checkDuration('minReady', props.minReady, { min: 0 });
  checkDuration('progressDeadline', props.progressDeadline, { min: 1 });
  const minReady = props.minReady?.toSeconds() ?? 0;
  const progressDeadline = props.progressDeadline?.toSeconds() ?? DEFAULT_PROGRESS_DEADLINE;
  if (progressDeadline <= minReady) {
    throw new Error(
      `'progressDeadline' (${progressDeadline} s) must be greater than 'minReady' (${minReady} s): a Pod needs that long to become available`,
    );
  }
  if (props.restartPolicy !== undefined && props.restartPolicy !== RestartPolicy.ALWAYS) {
    throw new Error(
      `'restartPolicy' is ${props.restartPolicy}: a Deployment's Pods allow only RestartPolicy.ALWAYS, leave it out`,
    );
  }
  if (props.hostNetwork && props.busyProbe?._usesHttp) {
    throw new Error(
      "'hostNetwork' is true with BusyProbe.http(): the operator never probes a node's address, use BusyProbe.annotation()",
    );
  }
}

/** Throws when a window cannot be told from another one, or has a number out of its bounds. */
function checkSchedules(schedules: readonly IdleSchedule[]): void {
  const names = schedules.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`'schedules' has two of the name "${twice}": give each its own`);
  for (const { name, start, end, idleTarget, minReplicas } of schedules) {
    checkInteger(`schedules "${name}": idleTarget`, idleTarget, { min: 0 });
    checkInteger(`schedules "${name}": minReplicas`, minReplicas, { min: 0 });
    if (start.expressionString === end.expressionString) {
      throw new Error(
        `'schedules "${name}"' starts and ends at "${start.expressionString}", so it is never open: move one of them`,
      );
    }
  }
}

/** Throws unless `name` may name a HotStandbyDeployment. */
export function checkName(name: string): void {
  if (name.length > MAX_NAME_LENGTH) {
    throw new Error(
      `'metadata.name' is "${name}", ${name.length} characters: at most ${MAX_NAME_LENGTH} are allowed (it becomes a label value), choose a shorter name`,
    );
  }
  if (!isDnsSubdomain(name)) {
    throw new Error(
      `'metadata.name' is "${name}": give lower-case letters, digits, '-' and '.', starting and ending with a letter or digit`,
    );
  }
}

/** Throws when there is no container, or two that the API server could not tell apart. */
export function checkContainers(containers: readonly Container[]): void {
  if (containers.length === 0) {
    throw new Error("'containers' is empty: give at least one, or call addContainer()");
  }
  const names = containers.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new Error(
      `'containers' has two of the name "${twice}" (a container without 'name' is "main"): give each its own 'name'`,
    );
  }
}

/** `spec.selector.matchLabels`. Throws when a HotStandbyDeployment could not hold it, or it would not select the Pods. */
export function selectorLabels(workload: Workload): Record<string, string> {
  const { matchLabels, matchExpressions, podMetadata } = workload;
  if (matchExpressions.length > 0) {
    const keys = matchExpressions.map((e) => `${e.key} ${e.operator}`).join(', ');
    throw new Error(
      `select() was given expressions (${keys}), which a HotStandbyDeployment cannot hold: select by labels alone`,
    );
  }
  if (Object.keys(matchLabels).length === 0) {
    throw new Error("'select' is false and nothing is selected: call select() with at least one label");
  }
  for (const [key, wanted] of Object.entries(matchLabels)) {
    checkLabel(key, wanted);
    const actual = podMetadata.getLabel(key);
    if (actual !== undefined && actual !== wanted) {
      throw new Error(
        `the selector wants label ${key}: "${wanted}" but 'podMetadata' sets it to "${actual}": give both the same value`,
      );
    }
  }
  return matchLabels;
}

/** Throws when every Pod would begin its life in a session. */
export function checkNotBornBusy(workload: Workload, busyProbe: BusyProbe | undefined): void {
  const key = busyProbe === undefined ? DEFAULT_BUSY_ANNOTATION : busyProbe._annotationKey;
  const { annotations = {} } = workload.podMetadata.toJson() as { annotations?: Record<string, string> };
  const value = key === undefined ? undefined : annotations[key];
  if (value?.toLowerCase() === 'true') {
    throw new Error(`'podMetadata' has annotation ${key}: "${value}": no Pod begins in a session, leave it out`);
  }
}

function checkLabel(key: string, value: string): void {
  if (!isQualifiedName(key)) {
    throw new Error(`the selector wants label "${key}": give a label key, [prefix/]name, for example app`);
  }
  if (key.startsWith(RESERVED_PREFIX) && key !== NAME_LABEL) {
    throw new Error(`the selector wants label ${key}, which HotStandby itself writes: select by a label of your own`);
  }
  if (!isLabelValue(value)) {
    throw new Error(
      `the selector wants label ${key}: "${value}": give at most 63 letters, digits, '-', '_' or '.', starting and ending with a letter or digit`,
    );
  }
}
