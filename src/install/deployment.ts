import type { ContainerResources, NodeLabelQuery, NodeTaintQuery } from 'cdk8s-plus-28';

/** Port of the operator's one HTTP server: /healthz, /readyz and /metrics. */
export const HTTP_PORT = 8080;

/** Where released images are; the tag is the version with a "v". */
export const IMAGE_REPOSITORY = 'ghcr.io/paia-tech/hotstandby';

/** Distroless's `nonroot`: the user and group the image is made for. */
const NON_ROOT = 65532;

/** What the operator's Deployment and PodDisruptionBudget are made of. */
export interface DeploymentInput {
  /** Name of both objects and of the ServiceAccount. */
  readonly name: string;
  /** Absent: wherever the manifest is applied. */
  readonly namespace?: string;
  /** Labels of the objects and the Pods; a superset of `selectorLabels`. */
  readonly labels: Record<string, string>;
  readonly selectorLabels: Record<string, string>;
  readonly image: string;
  readonly replicas: number;
  readonly resources: ContainerResources;
  readonly logLevel: string;
  readonly nodeSelector?: { readonly [key: string]: string };
  /** All must hold. */
  readonly nodeLabels?: readonly NodeLabelQuery[];
  readonly tolerations?: readonly NodeTaintQuery[];
  readonly priorityClassName?: string;
  readonly imagePullSecrets?: readonly string[];
  readonly podAnnotations?: Record<string, string>;
  /** Flags that say which namespaces to watch, and whether the guard holds. */
  readonly args: readonly string[];
}

/** The Deployment that runs the operator, fit for the `restricted` Pod Security Standard. */
export function deploymentManifest(input: DeploymentInput) {
  const { name, namespace, labels, selectorLabels } = input;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: {
      replicas: input.replicas,
      selector: { matchLabels: selectorLabels },
      // The new replica is warm before the old one goes, so a leader is always at hand.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels, annotations: input.podAnnotations },
        spec: podSpec(input),
      },
    },
  };
}

function podSpec(input: DeploymentInput) {
  return {
    serviceAccountName: input.name,
    enableServiceLinks: false,
    priorityClassName: input.priorityClassName,
    imagePullSecrets: input.imagePullSecrets?.map((name) => ({ name })),
    nodeSelector: input.nodeSelector,
    affinity: input.nodeLabels && affinity(input.nodeLabels),
    tolerations: input.tolerations?.map((taint) => taint._toKube()),
    // The operator exits within 10 s of SIGTERM, its Lease released.
    terminationGracePeriodSeconds: 15,
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: input.selectorLabels },
      },
    ],
    securityContext: {
      runAsNonRoot: true,
      runAsUser: NON_ROOT,
      runAsGroup: NON_ROOT,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [container(input)],
  };
}

function affinity(nodeLabels: readonly NodeLabelQuery[]) {
  const matchExpressions = nodeLabels.map((query) => query._toKube());
  return {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } },
  };
}

function container(input: DeploymentInput) {
  return {
    name: 'operator',
    image: input.image,
    args: [
      ...input.args,
      '--leader-elect',
      '--lease-namespace=$(POD_NAMESPACE)',
      // No host: IPv4 and IPv6, whichever the cluster has.
      `--health-address=:${HTTP_PORT}`,
      `--log-level=${input.logLevel}`,
    ],
    env: [fromField('POD_NAME', 'metadata.name'), fromField('POD_NAMESPACE', 'metadata.namespace')],
    ports: [{ name: 'http', containerPort: HTTP_PORT, protocol: 'TCP' }],
    livenessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { httpGet: { path: '/readyz', port: 'http' }, periodSeconds: 5 },
    resources: resources(input.resources),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
  };
}

function fromField(name: string, fieldPath: string) {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

function resources({ cpu, memory, ephemeralStorage }: ContainerResources) {
  return {
    requests: {
      cpu: cpu?.request?.amount,
      memory: mebibytes(memory?.request),
      'ephemeral-storage': mebibytes(ephemeralStorage?.request),
    },
    limits: {
      cpu: cpu?.limit?.amount,
      memory: mebibytes(memory?.limit),
      'ephemeral-storage': mebibytes(ephemeralStorage?.limit),
    },
  };
}

function mebibytes(size: { toMebibytes(): number } | undefined): string | undefined {
  return size && `${size.toMebibytes()}Mi`;
}

/** Lets a node drain take one operator replica at a time, and a broken one whenever it likes. */
export function disruptionBudgetManifest(input: DeploymentInput) {
  const { name, namespace, labels, selectorLabels } = input;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace, labels },
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selectorLabels },
    },
  };
}
