import type { ContainerResources, NodeLabelQuery } from 'cdk8s-plus-28';
import { HTTP_PORT, type OperatorInput } from './operator-input';

/** Distroless's `nonroot`: the user and group the image is made for. */
const NON_ROOT = 65532;

/** What the image is made for: on a Windows node it would never start. */
const LINUX = { 'kubernetes.io/os': 'linux' };

/** What one Pod of the operator is: fit for the `restricted` Pod Security Standard. */
export function podSpec(input: OperatorInput) {
  return {
    serviceAccountName: input.serviceAccountName,
    enableServiceLinks: false,
    priorityClassName: input.priorityClassName,
    imagePullSecrets: input.imagePullSecrets?.map((name) => ({ name })),
    nodeSelector: { ...LINUX, ...input.nodeSelector },
    affinity: input.nodeLabels && affinity(input.nodeLabels),
    tolerations: input.tolerations?.map((taint) => taint._toKube()),
    // The operator exits within 10 s of SIGTERM, its Lease released.
    terminationGracePeriodSeconds: 15,
    topologySpreadConstraints: input.spread.map((topologyKey) => ({
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: input.selectorLabels },
    })),
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

function container(input: OperatorInput) {
  return {
    name: 'operator',
    image: input.image,
    imagePullPolicy: input.imagePullPolicy,
    args: [
      ...input.args,
      '--leader-elect',
      '--lease-namespace=$(POD_NAMESPACE)',
      // Of its own: another operator in this namespace must not wait for this one.
      `--lease-name=${input.name}`,
      // No host: IPv4 and IPv6, whichever the cluster has.
      `--health-address=:${HTTP_PORT}`,
      `--log-level=${input.logLevel}`,
      ...(input.extraArgs ?? []),
    ],
    env: [
      fromField('POD_NAME', 'metadata.name'),
      fromField('POD_NAMESPACE', 'metadata.namespace'),
      ...Object.entries(input.env ?? {}).map(([name, { value, valueFrom }]) => ({ name, value, valueFrom })),
    ],
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
  return {
    name, // apiVersion as the API server defaults it: else an apply of the other kind finds a conflict.
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
  };
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
