import { ApiObject, type Duration, Lazy } from 'cdk8s';
import {
  type Deployment,
  type IServiceAccount,
  k8s,
  Service,
  type ServicePort,
  ServiceType,
  Workload,
} from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import { API_VERSION, KIND, PLURAL, STATE_LABEL } from './api/names';
import type { BusyProbe } from './busy-probe';
import { shareTemplate, type TakenDeployment, takeDeployment } from './from-deployment';
import { checkContainers, checkName, checkNotBornBusy, checkProps, selectorLabels } from './hot-standby-checks';
import type {
  DeploymentMetadata,
  ExposeIdleOptions,
  HotStandbyOptions,
  HotStandbyProps,
  SelfAnnotatingOptions,
  SessionDeletePolicy,
} from './hot-standby-props';
import { letProbesIn } from './probe-policy';
import { annotatorAccount, selfAnnotatingPod } from './self-annotation';
import type { AutoIdle, IdleSchedule } from './spare-capacity';

/**
 * A workload whose Pods hold one session each: a HotStandbyDeployment keeps `idleTarget` idle Pods ready beside the busy
 * ones, and no busy Pod is ever ended.
 *
 * Takes everything a cdk8s-plus `Deployment` takes for its Pods; `HotStandby.fromDeployment()` takes the Deployment. Needs the operator (`HotStandbyOperator`) in the cluster.
 *
 * Throws when a count is out of its bounds, `maxReplicas` is less than `minReplicas`, the name is longer than 63
 * characters, or the Pods could not work: at synthesis when they have no container or nothing to be selected by.
 */
export class HotStandby extends Workload {
  /**
   * Idle Pods to keep beside the busy ones.
   */
  public readonly idleTarget: number;

  /**
   * Fewest Pods to hold; the API server's default, 0, when undefined.
   */
  public readonly minReplicas?: number;

  /**
   * Most Pods to hold; no limit when undefined.
   */
  public readonly maxReplicas?: number;

  /**
   * How the operator knows that a Pod is busy; by the annotation `paia.tech/busy` when undefined.
   */
  public readonly busyProbe?: BusyProbe;

  /**
   * Whether the operator only watches and reports; the API server's default, false, when undefined.
   */
  public readonly paused?: boolean;

  /**
   * How long a Pod must have been Ready before it counts as available; no time at all when undefined.
   */
  public readonly minReady?: Duration;

  /**
   * How long a rollout may go without progress; the API server's default, 600 seconds, when undefined.
   */
  public readonly progressDeadline?: Duration;

  /**
   * Old ReplicaSets without Pods to keep; the API server's default, 10, when undefined.
   */
  public readonly revisionHistoryLimit?: number;

  /**
   * How far to look back when scaling down; not at all when undefined.
   */
  public readonly scaleDownStabilizationWindow?: Duration;

  /**
   * Idle Pods to keep as a percentage of the busy ones; none when undefined.
   */
  public readonly idlePercent?: number;

  /**
   * How many idle Pods the operator works out to be needed; nothing of the kind when undefined.
   */
  public readonly autoIdle?: AutoIdle;

  /**
   * What deleting this object does to busy Pods; they go with it when undefined.
   */
  public readonly onDelete?: SessionDeletePolicy;

  /**
   * Labels and annotations of the child Deployment; none of its own when undefined.
   */
  public readonly deploymentMetadata?: DeploymentMetadata;

  /**
   * @see base.Resource.apiObject
   */
  protected readonly apiObject: ApiObject;

  /**
   * Plural of the API resource, for RBAC.
   */
  public readonly resourceType = PLURAL;

  private readonly windows: IdleSchedule[];
  private annotator?: IServiceAccount;
  private taken?: TakenDeployment;

  /**
   * Turns an existing cdk8s-plus Deployment into a HotStandby of the same name, namespace, labels, annotations, Pod
   * template and selector. The Deployment is not synthesized any more, its `replicas` and `strategy` are dropped, JSON
   * patches it has of its Pod template hold, and its Services, roles and network policies stay as they are. What is done
   * to the Pods afterwards (`addContainer()`, `scheduling`, `connections`) may be done to either of the two; what is done
   * to its `metadata` and ApiObject must be done to the HotStandby's.
   *
   * `minReady` and `progressDeadline` are the Deployment's unless given.
   *
   * In a live cluster the operator makes a Deployment of its own, `<name>-workload`: delete the old one when its sessions
   * have ended.
   *
   * Throws when the Deployment was turned into one already, and at synthesis when an autoscaler still targets it.
   *
   * @param scope where the HotStandby goes
   * @param id of the HotStandby within `scope`
   * @param deployment the Deployment that gives its Pods
   * @param options what is said beside the Pods
   */
  public static fromDeployment(
    scope: Construct,
    id: string,
    deployment: Deployment,
    options: HotStandbyOptions,
  ): HotStandby {
    const taken = takeDeployment(deployment);
    const standby = new HotStandby(scope, id, { ...taken.props, ...options });
    standby.taken = taken;
    shareTemplate(standby, deployment);
    return standby;
  }

  public constructor(scope: Construct, id: string, props: HotStandbyProps) {
    super(scope, id, props);
    checkProps(props);

    this.idleTarget = props.idleTarget;
    this.minReplicas = props.minReplicas;
    this.maxReplicas = props.maxReplicas;
    this.busyProbe = props.busyProbe;
    this.paused = props.paused;
    this.minReady = props.minReady;
    this.progressDeadline = props.progressDeadline;
    this.revisionHistoryLimit = props.revisionHistoryLimit;
    this.scaleDownStabilizationWindow = props.scaleDownStabilizationWindow;
    this.idlePercent = props.idlePercent;
    this.autoIdle = props.autoIdle;
    this.windows = [...(props.schedules ?? [])];
    this.onDelete = props.onDelete;
    this.deploymentMetadata = props.deploymentMetadata;

    // A plain ApiObject: the generated L1 keeps only the fields it knows, and a patch may add a newer one.
    this.apiObject = new ApiObject(this, 'Resource', {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: props.metadata,
      spec: Lazy.any({ produce: () => this._toKube() }),
    });
    checkName(this.apiObject.name);

    if (this.isolate) {
      this.connections.isolate();
      const port = props.busyProbe?._portForOperator;
      if (port !== undefined) {
        letProbesIn(this, port, () => selectorLabels(this));
      }
    }
  }

  /**
   * A Service over the Pods that are free for a session: those whose label `hsd.paia.tech/state` is `idle`. A Pod leaves it
   * when it turns busy and comes back when its session ends; connections that exist stay, and readiness has nothing to do
   * with it.
   *
   * Throws when there is no port to expose, or several without names.
   */
  public exposeIdle(options: ExposeIdleOptions = {}): Service {
    const ports = options.ports ?? this.containerPorts();
    if (ports.length === 0) {
      throw new Error("exposeIdle() has no port: give 'ports', or a container of the HotStandby its 'portNumber'");
    }
    if (ports.length > 1 && ports.some((port) => port.name === undefined)) {
      const numbers = ports.map((port) => port.port).join(', ');
      throw new Error(
        `exposeIdle() has ${ports.length} ports (${numbers}) and not every one a name: name each of them`,
      );
    }
    const service = new Service(this, `${options.name ?? ''}IdleService`, {
      selector: this,
      ports,
      type: options.serviceType ?? ServiceType.CLUSTER_IP,
      // A name that is there and undefined would take the place of the generated one.
      metadata: { namespace: this.metadata.namespace, ...(options.name !== undefined && { name: options.name }) },
    });
    service.selectLabel(STATE_LABEL, 'idle');
    return service;
  }

  /**
   * Lets the Pods mark themselves busy: a ServiceAccount that may read and patch Pods, its token in the Pods, and
   * `POD_NAME`, `POD_NAMESPACE` and `POD_UID` in the environment of their containers.
   *
   * RBAC cannot say "your own Pod only": the admission policy that `HotStandbyOperator` installs (`selfAnnotationPolicy`)
   * does, and allows nothing but the busy annotation.
   *
   * Throws when called twice, or with `BusyProbe.http()`, which needs no annotation.
   *
   * @returns the ServiceAccount
   */
  public selfAnnotating(options: SelfAnnotatingOptions = {}): IServiceAccount {
    if (this.annotator !== undefined) {
      throw new Error('selfAnnotating() was called twice: call it once');
    }
    if (this.busyProbe?._usesHttp) {
      throw new Error('selfAnnotating() with BusyProbe.http(): the operator asks the Pods, leave selfAnnotating() out');
    }
    const { serviceAccount } = options;
    if (serviceAccount !== undefined && this.serviceAccount !== undefined && serviceAccount !== this.serviceAccount) {
      throw new Error(
        `selfAnnotating() was given ServiceAccount "${serviceAccount.name}" but 'serviceAccount' is "${this.serviceAccount.name}": give one of them`,
      );
    }
    const metadata = { namespace: this.metadata.namespace };
    this.annotator = annotatorAccount(this, serviceAccount ?? this.serviceAccount, metadata);
    return this.annotator;
  }

  /**
   * Windows in which more idle Pods are wanted.
   */
  public get schedules(): IdleSchedule[] {
    return [...this.windows];
  }

  /**
   * `spec` of the HotStandbyDeployment.
   *
   * @internal
   */
  public _toKube(): Record<string, unknown> {
    checkContainers(this.containers);
    checkNotBornBusy(this, this.busyProbe);
    return {
      idleTarget: this.idleTarget,
      minReplicas: this.minReplicas,
      maxReplicas: this.maxReplicas,
      idlePercent: this.idlePercent,
      schedules: this.windows.length > 0 ? schedulesToKube(this.windows) : undefined,
      autoIdle: this.autoIdle?._toKube(),
      busyProbe: this.busyProbe?._toKube(),
      paused: this.paused,
      minReadySeconds: this.minReady?.toSeconds(),
      progressDeadlineSeconds: this.progressDeadline?.toSeconds(),
      revisionHistoryLimit: this.revisionHistoryLimit,
      behavior: this.scaleDownStabilizationWindow && {
        scaleDown: { stabilizationWindowSeconds: this.scaleDownStabilizationWindow.toSeconds() },
      },
      sessions: this.onDelete && { onDelete: this.onDelete },
      selector: { matchLabels: selectorLabels(this) },
      podTemplate: this.podTemplate(),
      deploymentMetadata: this.deploymentMetadata,
    };
  }

  private podTemplate() {
    if (this.taken !== undefined) {
      const template = this.taken.podTemplate();
      return { ...template, spec: this.annotated(template.spec) };
    }
    return k8s.toJson_PodTemplateSpec({
      metadata: this.podMetadata.toJson(),
      spec: this.annotated(this._toPodSpec()),
    });
  }

  private annotated(spec: k8s.PodSpec): k8s.PodSpec {
    return this.annotator ? selfAnnotatingPod(spec, this.annotator) : spec;
  }

  private containerPorts(): ServicePort[] {
    return this.containers
      .flatMap((container) => container.ports)
      .map(({ number, protocol, name }) => ({ port: number, targetPort: number, protocol, name }));
  }
}

/** `spec.schedules`. */
function schedulesToKube(schedules: readonly IdleSchedule[]): Record<string, unknown>[] {
  return schedules.map(({ start, end, ...rest }) => ({
    ...rest,
    start: start.expressionString,
    end: end.expressionString,
  }));
}
