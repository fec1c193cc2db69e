import { ApiObject, Lazy } from 'cdk8s';
import { k8s, RestartPolicy, Workload, type WorkloadProps } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import { API_VERSION, KIND, MAX_NAME_LENGTH, PLURAL } from './api/names';
import type { BusyProbe } from './busy-probe';
import { checkInteger, checkOrder } from './validation';

/**
 * Properties for `HotStandby`.
 */
export interface HotStandbyProps extends WorkloadProps {
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
}

/**
 * A workload whose Pods hold one session each: a HotStandbyDeployment keeps `idleTarget` idle Pods ready beside the busy
 * ones, and no busy Pod is ever ended.
 *
 * Takes everything a cdk8s-plus `Deployment` takes for its Pods. Needs the operator (`HotStandbyOperator`) in the cluster.
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
   * @see base.Resource.apiObject
   */
  protected readonly apiObject: ApiObject;

  /**
   * Plural of the API resource, for RBAC.
   */
  public readonly resourceType = PLURAL;

  public constructor(scope: Construct, id: string, props: HotStandbyProps) {
    super(scope, id, props);
    validate(props);

    this.idleTarget = props.idleTarget;
    this.minReplicas = props.minReplicas;
    this.maxReplicas = props.maxReplicas;
    this.busyProbe = props.busyProbe;

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
    }
  }

  /**
   * `spec` of the HotStandbyDeployment.
   *
   * @internal
   */
  public _toKube(): Record<string, unknown> {
    if (this.containers.length === 0) {
      throw new Error("'containers' is empty: give at least one, or call addContainer()");
    }
    return {
      idleTarget: this.idleTarget,
      minReplicas: this.minReplicas,
      maxReplicas: this.maxReplicas,
      busyProbe: this.busyProbe?._toKube(),
      selector: { matchLabels: this.selectorLabels() },
      podTemplate: k8s.toJson_PodTemplateSpec({
        metadata: this.podMetadata.toJson(),
        spec: this._toPodSpec(),
      }),
    };
  }

  private selectorLabels(): Record<string, string> {
    const labels = this.matchLabels;
    if (this.matchExpressions.length > 0) {
      const keys = this.matchExpressions.map((e) => `${e.key} ${e.operator}`).join(', ');
      throw new Error(
        `select() was given expressions (${keys}), which a HotStandbyDeployment cannot hold: select by labels alone`,
      );
    }
    if (Object.keys(labels).length === 0) {
      throw new Error("'select' is false and nothing is selected: call select() with at least one label");
    }
    for (const [key, wanted] of Object.entries(labels)) {
      const actual = this.podMetadata.getLabel(key);
      if (actual !== undefined && actual !== wanted) {
        throw new Error(
          `the selector wants label ${key}: "${wanted}" but 'podMetadata' sets it to "${actual}": give both the same value`,
        );
      }
    }
    return labels;
  }
}

function validate(props: HotStandbyProps): void {
  checkInteger('idleTarget', props.idleTarget, { min: 0 });
  checkInteger('minReplicas', props.minReplicas, { min: 0 });
  checkInteger('maxReplicas', props.maxReplicas, { min: 1 });
  checkOrder('minReplicas', props.minReplicas, 'maxReplicas', props.maxReplicas);
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

function checkName(name: string): void {
  if (name.length > MAX_NAME_LENGTH) {
    throw new Error(
      `'metadata.name' is "${name}", ${name.length} characters: at most ${MAX_NAME_LENGTH} are allowed (it becomes a label value), choose a shorter name`,
    );
  }
}
