import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import { type Deployment, HorizontalPodAutoscaler, type k8s, type Workload, type WorkloadProps } from 'cdk8s-plus-28';
import type { HotStandbyOptions } from './hot-standby-props';

/** What a HotStandby made from a Deployment has of it. */
export interface TakenDeployment {
  readonly props: WorkloadProps & Pick<HotStandbyOptions, 'minReady' | 'progressDeadline'>;
  /**
   * `spec.template` of the Deployment as it would have been written, its JSON patches applied. Called at synthesis and
   * once: with `spread` each rendering of a cdk8s-plus workload adds its affinity terms again.
   *
   * Throws when an autoscaler targets the Deployment.
   */
  podTemplate(): PodTemplate;
}

/** As JSON; what the annotator reads of it is named there as in `k8s.PodSpec`. */
interface PodTemplate {
  readonly spec: k8s.PodSpec;
  readonly [field: string]: unknown;
}

/** cdk8s-plus's defaults, which are the API server's own: what equals them is not written. */
const DEFAULT_SECONDS = { minReady: 0, progressDeadline: 600 } as const;

/** Takes the Deployment out of the manifest and leaves what hangs on it. Throws when that has been done already. */
export function takeDeployment(deployment: Deployment): TakenDeployment {
  const object = deployment.node.defaultChild;
  if (!ApiObject.isApiObject(object)) {
    throw new Error(
      `fromDeployment() was given Deployment "${deployment.name}" twice: one Deployment makes one HotStandby`,
    );
  }
  deployment.node.tryRemoveChild(object.node.id);
  const metadata: ApiObjectMetadata = { ...object.metadata.toJson(), name: deployment.name };
  return {
    props: {
      metadata,
      restartPolicy: deployment.restartPolicy,
      hostNetwork: deployment.hostNetwork,
      minReady: unlessDefault(deployment, 'minReady'),
      progressDeadline: unlessDefault(deployment, 'progressDeadline'),
    },
    podTemplate: () => {
      checkNoAutoscaler(deployment);
      return object.toJson().spec.template;
    },
  };
}

function unlessDefault(deployment: Deployment, property: keyof typeof DEFAULT_SECONDS) {
  return deployment[property].toSeconds() === DEFAULT_SECONDS[property] ? undefined : deployment[property];
}

function checkNoAutoscaler(deployment: Deployment): void {
  const autoscaler = deployment.node.root.node
    .findAll()
    .find((node) => node instanceof HorizontalPodAutoscaler && node.target === deployment);
  if (autoscaler !== undefined) {
    throw new Error(
      `HorizontalPodAutoscaler ${autoscaler.node.path} scales Deployment "${deployment.name}", which is a HotStandby now: remove it, 'idleTarget', 'minReplicas' and 'maxReplicas' do its work`,
    );
  }
}

/** Everything a workload says of its Pods, by public members alone. */
const POD_MEMBERS = [
  'addContainer',
  'addHostAlias',
  'addInitContainer',
  'addVolume',
  'attachContainer',
  'automountServiceAccountToken',
  'connections',
  'containers',
  'dns',
  'dockerRegistryAuth',
  'hostAliases',
  'hostNetwork',
  'initContainers',
  'matchExpressions',
  'matchLabels',
  'podMetadata',
  'restartPolicy',
  'scheduling',
  'securityContext',
  'select',
  'serviceAccount',
  'terminationGracePeriod',
  'volumes',
] as const satisfies readonly (keyof Workload)[];

/**
 * Makes both workloads speak of the same Pods: a container added to either is in the one template. Copying instead would
 * miss what is added later, and cdk8s-plus has no way to add an init container that exists.
 */
export function shareTemplate(standby: Workload, deployment: Deployment): void {
  for (const member of POD_MEMBERS) {
    Object.defineProperty(standby, member, {
      get: () => {
        const value: unknown = deployment[member];
        return typeof value === 'function' ? value.bind(deployment) : value;
      },
    });
  }
}
