import type { Duration } from 'cdk8s';
import type { IServiceAccount, ServicePort, ServiceType, WorkloadProps } from 'cdk8s-plus-28';
import type { BusyProbe } from './busy-probe';
import type { AutoIdle, IdleSchedule } from './spare-capacity';

/**
 * What deleting a HotStandby does to its busy Pods.
 */
export enum SessionDeletePolicy {
  /** They go with it, sessions and all. */
  DELETE = 'Delete',
  /** Idle Pods go at once, busy ones when their session ends, and only then the object itself. */
  DRAIN = 'Drain',
}

/**
 * What a HotStandby says beside its Pods: how many of them, and how they come and go.
 */
export interface HotStandbyOptions {
  /**
   * Idle Pods to keep beside the busy ones (`spec.idleTarget`). 0 to 1000000.
   */
  readonly idleTarget: number;

  /**
   * Fewest Pods to hold, whatever the number of busy ones (`spec.minReplicas`).
   *
   * @default 0
   */
  readonly minReplicas?: number;

  /**
   * Most Pods to hold, at least 1 (`spec.maxReplicas`). Busy Pods are never ended to get below it.
   *
   * @default - no limit
   */
  readonly maxReplicas?: number;

  /**
   * How the operator knows that a Pod is busy (`spec.busyProbe`).
   *
   * @default - the annotation `paia.tech/busy: "true"`
   */
  readonly busyProbe?: BusyProbe;

  /**
   * Whether the operator only watches and reports, and writes nothing but the status (`spec.paused`).
   *
   * @default false
   */
  readonly paused?: boolean;

  /**
   * How long a Pod must have been Ready before it counts as available (`spec.minReadySeconds`). Whole seconds.
   *
   * @default Duration.seconds(0)
   */
  readonly minReady?: Duration;

  /**
   * How long a rollout may go without progress before it is reported as stalled (`spec.progressDeadlineSeconds`). Whole
   * seconds, more than `minReady`.
   *
   * @default Duration.seconds(600)
   */
  readonly progressDeadline?: Duration;

  /**
   * Old ReplicaSets without Pods to keep (`spec.revisionHistoryLimit`).
   *
   * @default 10
   */
  readonly revisionHistoryLimit?: number;

  /**
   * How far to look back when scaling down: never below the highest number of Pods wanted within it
   * (`spec.behavior.scaleDown.stabilizationWindowSeconds`). Whole seconds, at most one hour. Scaling up is always immediate.
   *
   * @default Duration.seconds(0)
   */
  readonly scaleDownStabilizationWindow?: Duration;

  /**
   * Idle Pods to keep as a percentage of the busy ones, rounded up, if that is more than `idleTarget`
   * (`spec.idlePercent`).
   *
   * @default - none
   */
  readonly idlePercent?: number;

  /**
   * Windows in which more idle Pods are wanted (`spec.schedules`).
   *
   * @default - none
   */
  readonly schedules?: IdleSchedule[];

  /**
   * Lets the operator work out how many idle Pods are needed (`spec.autoIdle`).
   *
   * @default - off
   */
  readonly autoIdle?: AutoIdle;

  /**
   * What deleting this object does to busy Pods (`spec.sessions.onDelete`).
   *
   * @default SessionDeletePolicy.DELETE
   */
  readonly onDelete?: SessionDeletePolicy;

  /**
   * Labels and annotations of the child Deployment itself, for what looks at Deployments: policies, cost reports,
   * reloaders (`spec.deploymentMetadata`). Its Pods have those of `podMetadata`.
   *
   * @default - none
   */
  readonly deploymentMetadata?: DeploymentMetadata;
}

/**
 * Labels and annotations of the child Deployment. Keys below `hsd.paia.tech/` and `deployment.kubernetes.io/` are not
 * yours to set.
 */
export interface DeploymentMetadata {
  /**
   * Its labels.
   *
   * @default - none
   */
  readonly labels?: { readonly [key: string]: string };

  /**
   * Its annotations.
   *
   * @default - none
   */
  readonly annotations?: { readonly [key: string]: string };
}

/**
 * Properties for `HotStandby`: everything a cdk8s-plus `Deployment` takes for its Pods (`spec.podTemplate`,
 * `spec.selector`), and what is said beside them.
 */
export interface HotStandbyProps extends WorkloadProps, HotStandbyOptions {}

/**
 * Options for `HotStandby.exposeIdle`.
 */
export interface ExposeIdleOptions {
  /**
   * The ports that the service should bind to.
   *
   * @default - the ports of the containers
   */
  readonly ports?: ServicePort[];

  /**
   * The type of the service.
   *
   * @default ServiceType.CLUSTER_IP
   */
  readonly serviceType?: ServiceType;

  /**
   * The name of the service. The second service of one HotStandby needs one.
   *
   * @default - auto generated
   */
  readonly name?: string;
}

/**
 * Options for `HotStandby.selfAnnotating`.
 */
export interface SelfAnnotatingOptions {
  /**
   * ServiceAccount to use. It is given the label `hsd.paia.tech/annotator: "true"`; one imported by name has to carry it
   * already, else nothing keeps its Pods from writing other Pods.
   *
   * @default - `serviceAccount` of the HotStandby, or else a new one
   */
  readonly serviceAccount?: IServiceAccount;
}
