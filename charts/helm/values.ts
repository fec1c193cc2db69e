import { LogLevel, Monitoring } from '../../src';
import { IMAGE_REPOSITORY } from '../../src/install/deployment';
import { REPLICASET_CONTROLLER } from '../../src/install/guard';
import { valueAt } from './places';
import {
  anyMap,
  anyMaps,
  boolean,
  cidrs,
  dnsLabels,
  fields,
  integer,
  keysOf,
  labels,
  listOf,
  matching,
  nameOrEmpty,
  oneOf,
  ports,
  promDuration,
  quantities,
  type Schema,
  string,
  stringMap,
  strings,
} from './schema-types';
import { type Section, value } from './value';
import { operatorObjects } from './variants';

/** What the constructs say unless told otherwise. */
const { Deployment } = operatorObjects({});
const POD = ['spec', 'template', 'spec'];
const inPod = (...path: (string | number)[]) => valueAt(Deployment, [...POD, ...path]);
const inContainer = (field: string) => inPod('containers', 0, field);

/** The construct's, without the selector that the chart adds. */
function defaultSpread(): object[] {
  const constraints = inPod('topologySpreadConstraints') as { labelSelector: object }[];
  return constraints.map(({ labelSelector: _, ...constraint }) => constraint);
}

/** What the construct labels a namespace with besides its own. */
function operatorNamespaceLabels(): object {
  const labels = valueAt(operatorObjects({}).Namespace, ['metadata', 'labels']) as Record<string, string>;
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !OWN_LABELS.includes(key)));
}

/** Labels that objects are selected by. */
const OWN_LABELS = ['name', 'instance', 'component', 'version'].map((name) => `app.kubernetes.io/${name}`);
const furtherLabels: Schema = { ...labels, propertyNames: { not: { enum: OWN_LABELS } } };
const OWN_VARIABLES = ['POD_NAME', 'POD_NAMESPACE'];

const toleration = fields({
  key: string,
  operator: oneOf('Exists', 'Equal'),
  value: string,
  effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
  tolerationSeconds: { type: 'integer' },
});
const variable = fields(
  { name: { type: 'string', minLength: 1, not: { enum: OWN_VARIABLES } }, value: string, valueFrom: anyMap },
  ['name'],
);
const resources = fields({ requests: quantities, limits: quantities, claims: anyMaps });
const TEST_RESOURCES = { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '128Mi' } };
const spread: Schema = { type: 'object', required: ['maxSkew', 'topologyKey', 'whenUnsatisfiable'] };
const inBoth = ['appArmorProfile', 'runAsGroup', 'runAsNonRoot', 'runAsUser', 'seLinuxOptions', 'seccompProfile'];
const podSecurity = keysOf(
  ...inBoth,
  ...['fsGroup', 'fsGroupChangePolicy', 'seLinuxChangePolicy', 'supplementalGroups', 'supplementalGroupsPolicy'],
  ...['sysctls', 'windowsOptions'],
);
const containerSecurity = keysOf(
  ...inBoth,
  ...['allowPrivilegeEscalation', 'capabilities', 'privileged', 'procMount', 'readOnlyRootFilesystem'],
  'windowsOptions',
);

const SCOPE: Section = {
  title: 'What is looked after',
  values: [
    value(
      'enabled',
      true,
      boolean,
      'Read by nothing here: for `condition: hotstandby.enabled` of a chart that has this one as a dependency.',
    ),
    value(
      'namespaces',
      [],
      dnsLabels,
      'Namespaces to look after, by Roles in them; they must exist. Empty: all, by a ClusterRole.',
    ),
    value(
      'ownNamespaceOnly',
      false,
      boolean,
      'Look after the namespace of the release and no other, and make nothing outside of it, whatever else is switched on. For teams without rights on the cluster.',
    ),
  ],
};

const INSTALLED: Section = {
  title: 'What is installed beside the operator',
  values: [
    value('crds.enabled', true, boolean, 'The CustomResourceDefinition. It is upgraded with the chart.'),
    value(
      'crds.keep',
      true,
      boolean,
      '`helm uninstall`, Argo CD and Flux leave the CustomResourceDefinition, and with it every HotStandbyDeployment.',
    ),
    value(
      'crds.annotations',
      {},
      { ...stringMap, propertyNames: { not: { const: 'helm.sh/resource-policy' } } },
      'Annotations of the CustomResourceDefinition, for example an Argo CD sync wave.',
    ),
    value(
      'createNamespace',
      false,
      boolean,
      "The release's namespace, for `helm template` without `--create-namespace`. `helm uninstall` leaves it.",
    ),
    value(
      'namespaceLabels',
      operatorNamespaceLabels(),
      furtherLabels,
      "Its labels, among them the Pod Security Standard that every Pod in it must meet; choose another where it is not the operator's alone.",
    ),
    value(
      'admissionGuard.enabled',
      true,
      boolean,
      'The ValidatingAdmissionPolicy that refuses to end busy Pods, and the one that makes the garbage collector wait for `sessions.onDelete: Drain`.',
    ),
    value(
      'admissionGuard.users',
      [REPLICASET_CONTROLLER],
      { ...strings, minItems: 1 },
      'User names it refuses. Without `--use-service-account-credentials` the controller manager acts as `system:kube-controller-manager`.',
    ),
    value(
      'admissionGuard.preemption',
      false,
      boolean,
      'It refuses the scheduler, too: a Pod of higher priority then waits until a session ends.',
    ),
    value(
      'admissionMarks.enabled',
      false,
      boolean,
      'The MutatingAdmissionPolicy that writes the marks in the write that flips busy. Needs Kubernetes 1.36.',
    ),
    value(
      'selfAnnotationPolicy.enabled',
      true,
      boolean,
      "The policy that lets a labelled ServiceAccount's Pods change only themselves.",
    ),
    value('userRoles.enabled', true, boolean, 'HotStandbyDeployments in the built-in roles view, edit and admin.'),
    value('rbac.create', true, boolean, "The operator's Roles and bindings."),
    value('serviceAccount.create', true, boolean, "The operator's ServiceAccount."),
    value(
      'serviceAccount.name',
      '',
      nameOrEmpty,
      'Its name, or that of one that exists. Empty: `<fullname>-operator`.',
    ),
    value('serviceAccount.annotations', {}, stringMap, 'Its annotations.'),
    value('podDisruptionBudget.enabled', true, boolean, 'A node drain takes one operator Pod at a time.'),
    value(
      'podDisruptionBudget.maxUnavailable',
      1,
      { type: ['integer', 'string'], minimum: 1, pattern: '^[1-9][0-9]?%$' },
      'So many at a time; a number or a percentage.',
    ),
    value(
      'extraObjects',
      [],
      listOf({ type: ['object', 'string'] }),
      'Further objects of the release, as maps or as text; templates in them are filled.',
    ),
  ],
};

const OPERATOR: Section = {
  title: 'The operator',
  values: [
    value('replicas', 2, integer(1, 10), 'Operator Pods. One writes, the others keep warm caches and take over.'),
    value('logLevel', LogLevel.INFO, oneOf(...Object.values(LogLevel)), 'How much the operator logs.'),
    value('extraArgs', [], listOf(matching('^-')), 'Further arguments of the operator.'),
    value('env', [], listOf(variable), 'Further environment variables of the operator, as in a container.'),
    value(
      'image.repository',
      IMAGE_REPOSITORY,
      { type: 'string', pattern: '^([^\\s@:/]+(:[0-9]+)?/)?[^\\s@:]+$' },
      'Image of the operator, registry and all, without tag or digest.',
    ),
    value(
      'image.tag',
      '',
      matching('^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$'),
      'Its tag. Empty: `v` and the version of the chart.',
    ),
    value(
      'image.digest',
      '',
      matching('^(sha256:[0-9a-f]{64})?$'),
      'Its digest, `sha256:` and 64 hexadecimal digits; it wins over the tag.',
    ),
    value(
      'image.pullPolicy',
      '',
      oneOf('', 'Always', 'IfNotPresent', 'Never'),
      "When it is pulled. Empty: Kubernetes' default.",
    ),
    value(
      'imagePullSecrets',
      [],
      listOf(fields({ name: string }, ['name'])),
      'Secrets with which it is pulled, each as `name: …`.',
    ),
    value(
      'global.imageRegistry',
      '',
      matching('^([^\\s@/]+(/[^\\s@:]+)?)?$'),
      'Registry of every image, in place of the one in `image.repository`: for a chart that has this one as a dependency.',
    ),
    value(
      'global.imagePullSecrets',
      [],
      listOf({ type: ['string', 'object'] }),
      'Further pull Secrets, by name or as `name: …`: for a chart that has this one as a dependency.',
    ),
    value(
      'resources',
      inContainer('resources'),
      resources,
      'CPU and memory of one operator Pod. Memory grows by about 1.5 KB for each Pod looked after.',
      ['limits', 'requests'],
    ),
    value(
      'podSecurityContext',
      inPod('securityContext'),
      podSecurity,
      'Security context of the Pods; fit for the restricted Pod Security Standard. OpenShift: `runAsUser: null` and `runAsGroup: null`.',
      ['runAsUser', 'runAsGroup'],
    ),
    value('securityContext', inContainer('securityContext'), containerSecurity, 'Security context of the container.'),
    value(
      'livenessProbe',
      inContainer('livenessProbe'),
      anyMap,
      'When the kubelet starts the container again. What is given here is merged with the default.',
    ),
    value('readinessProbe', inContainer('readinessProbe'), anyMap, 'When the Pod is Ready; merged likewise.'),
    value(
      'strategy',
      valueAt(Deployment, ['spec', 'strategy']),
      keysOf('type', 'rollingUpdate'),
      'How a new version replaces the old one. `Recreate` wants `rollingUpdate: null`.',
      ['rollingUpdate'],
    ),
    value('envFrom', [], anyMaps, 'ConfigMaps and Secrets whose keys are environment variables, as in a container.'),
    value(
      'extraVolumes',
      [],
      anyMaps,
      'Further volumes of the Pods; with `extraVolumeMounts` and the variable `NODE_EXTRA_CA_CERTS` an authority that a proxy needs.',
    ),
    value('extraVolumeMounts', [], anyMaps, 'Where the container has them.'),
    value('testResources', TEST_RESOURCES, resources, 'CPU and memory of the Pod of `helm test`.', [
      'limits',
      'requests',
    ]),
  ],
};

const PLACEMENT: Section = {
  title: 'Names, labels and placement',
  values: [
    value('nameOverride', '', nameOrEmpty, "Replaces the chart's name in the names of objects."),
    value(
      'fullnameOverride',
      '',
      matching('^([a-z0-9]([-a-z0-9]{0,52}[a-z0-9])?)?$'),
      'First part of the name of every object, at most 54 characters. Empty: the name of the release.',
    ),
    value('commonLabels', {}, furtherLabels, 'Further labels of every object and of the Pods.'),
    value('podLabels', {}, furtherLabels, 'Further labels of the Pods.'),
    value('podAnnotations', {}, stringMap, 'Annotations of the Pods.'),
    value('deploymentAnnotations', {}, stringMap, 'Annotations of the Deployment, for example for a reloader.'),
    value('nodeSelector', inPod('nodeSelector'), labels, 'Labels a node must have; merged with the default.'),
    value(
      'affinity',
      {},
      fields({ nodeAffinity: anyMap, podAffinity: anyMap, podAntiAffinity: anyMap }),
      'Affinity of the Pods.',
    ),
    value('tolerations', [], listOf(toleration), 'Taints of nodes that do not keep the Pods away.'),
    value(
      'topologySpreadConstraints',
      defaultSpread(),
      listOf(spread),
      "How the Pods are spread. One without `labelSelector` is over the operator's Pods.",
    ),
    value('priorityClassName', '', nameOrEmpty, 'PriorityClass of the Pods; it must exist.'),
    value('schedulerName', '', nameOrEmpty, "Who places the Pods. Empty: the cluster's own scheduler."),
    value('runtimeClassName', '', nameOrEmpty, 'RuntimeClass of the Pods; it must exist.'),
    value(
      'dnsPolicy',
      '',
      oneOf('', 'ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'),
      'How the Pods look up names. Empty: `ClusterFirst`.',
    ),
    value('dnsConfig', {}, keysOf('nameservers', 'searches', 'options'), 'What they look up names with, besides.'),
  ],
};

const NETWORK: Section = {
  title: 'Network',
  values: [
    value(
      'networkPolicy.enabled',
      false,
      boolean,
      'A NetworkPolicy: out to DNS, the API server and what is probed, in to the metrics.',
    ),
    value(
      'networkPolicy.apiServerPorts',
      [443, 6443],
      { ...ports, minItems: 1 },
      'TCP ports of the API server: where the connections of its Service end up.',
    ),
    value('networkPolicy.apiServerCidrs', [], cidrs, 'Address ranges of the API server. Empty: any address.'),
    value('networkPolicy.probes', true, boolean, 'HTTP busy probes may go out to the Pods of the cluster.'),
    value('networkPolicy.probePorts', [], ports, 'TCP ports they may go to. Empty: every port.'),
    value(
      'networkPolicy.metricsNamespaces',
      {},
      labels,
      'Labels of the namespaces whose Pods may read the metrics. Empty: anybody may.',
    ),
  ],
};

const MONITORING: Section = {
  title: 'Monitoring',
  values: [
    value(
      'monitoring.type',
      Monitoring.NONE,
      oneOf(...Object.values(Monitoring)),
      'How Prometheus finds the metrics. ServiceMonitor, PodMonitor and alerts need the definitions of the Prometheus operator.',
    ),
    value(
      'monitoring.labels',
      {},
      furtherLabels,
      'Labels by which a Prometheus chooses ServiceMonitor, PodMonitor and PrometheusRule.',
    ),
    value(
      'monitoring.interval',
      '',
      promDuration,
      'How often the metrics are read, for example `30s`. Empty: as often as that Prometheus reads everything.',
    ),
    value('monitoring.scrapeTimeout', '', promDuration, 'When reading them is given up.'),
    value('monitoring.relabelings', [], anyMaps, 'Relabelings of the targets.'),
    value('monitoring.metricRelabelings', [], anyMaps, 'Relabelings of the metrics.'),
    value('alerts.enabled', false, boolean, 'The alerts, as a PrometheusRule.'),
    value('dashboard.enabled', false, boolean, 'The Grafana dashboard, as a ConfigMap.'),
    value(
      'dashboard.labels',
      { grafana_dashboard: '1' },
      furtherLabels,
      "Labels by which Grafana's sidecar finds it.",
      ['grafana_dashboard'],
    ),
    value('dashboard.annotations', {}, stringMap, 'Its annotations, for example the folder.'),
  ],
};

/** All values of the chart. */
export const SECTIONS: readonly Section[] = [SCOPE, OPERATOR, INSTALLED, PLACEMENT, NETWORK, MONITORING];
