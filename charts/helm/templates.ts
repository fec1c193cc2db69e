import { Emitter } from './emit';
import { chartObjects } from './fill';
import type { Objects, Variants } from './variants';

const CLUSTER_OBJECTS = 'not $.Values.ownNamespaceOnly';
const LISTED = 'or $.Values.ownNamespaceOnly $.Values.namespaces';
/** The namespaces of a list, or the operator's own. */
const EACH_NAMESPACE =
  'range $namespace := ternary (list $.Release.Namespace) $.Values.namespaces $.Values.ownNamespaceOnly';

interface Template {
  readonly file: string;
  /** Paths of the constructs, in the order of the file. */
  readonly objects: readonly string[];
  /** Absent: always. */
  readonly when?: string;
  /** Once for each namespace looked after. */
  readonly each?: boolean;
}

const withBinding = (id: string): string[] => [id, `${id}Binding`];
const inCluster = (value: string) => `and $.Values.${value} (${CLUSTER_OBJECTS})`;
const monitored = (type: string) => `eq $.Values.monitoring.type "${type}"`;

const TEMPLATES: readonly Template[] = [
  { file: 'crd', objects: ['Crd/Resource'], when: inCluster('crds.enabled') },
  { file: 'namespace', objects: ['Namespace'], when: inCluster('createNamespace') },
  { file: 'serviceaccount', objects: ['ServiceAccount'], when: '$.Values.serviceAccount.create' },
  {
    file: 'clusterrole',
    objects: withBinding('ClusterRole'),
    when: `and $.Values.rbac.create (not (${LISTED}))`,
  },
  { file: 'role', objects: withBinding('Role'), when: `and $.Values.rbac.create (${LISTED})`, each: true },
  { file: 'role-lease', objects: withBinding('LeaseRole'), when: '$.Values.rbac.create' },
  {
    file: 'userroles',
    objects: ['UserRole-view', 'UserRole-edit', 'UserRole-claims'],
    when: inCluster('userRoles.enabled'),
  },
  { file: 'deployment', objects: ['Deployment'] },
  { file: 'poddisruptionbudget', objects: ['PodDisruptionBudget'], when: '$.Values.podDisruptionBudget.enabled' },
  { file: 'networkpolicy', objects: ['NetworkPolicy'], when: '$.Values.networkPolicy.enabled' },
  { file: 'guard', objects: withBinding('Guard'), when: inCluster('admissionGuard.enabled') },
  { file: 'drain-guard', objects: withBinding('DrainGuard'), when: inCluster('admissionGuard.enabled') },
  { file: 'self-annotation', objects: withBinding('SelfAnnotation'), when: inCluster('selfAnnotationPolicy.enabled') },
  { file: 'marks', objects: withBinding('Marks'), when: inCluster('admissionMarks.enabled') },
  { file: 'servicemonitor', objects: ['MetricsService', 'ServiceMonitor'], when: monitored('ServiceMonitor') },
  { file: 'podmonitor', objects: ['PodMonitor'], when: monitored('PodMonitor') },
  { file: 'prometheusrule', objects: ['PrometheusRule'], when: '$.Values.alerts.enabled' },
  { file: 'dashboard', objects: ['Dashboard'], when: '$.Values.dashboard.enabled' },
];

/** First thing in every template: what the values leave open. */
const DEFAULTS = '{{- include "hotstandby.defaults" $ }}';
const NOTE = '{{- /* Generated from HotStandbyOperator by `npm run generate`. */}}';

/** The chart's templates by file name. Throws when the constructs make an object that no template has a place for. */
export function templates(variants: Variants): Map<string, string> {
  const objects = chartObjects(variants);
  const placed = new Set(TEMPLATES.flatMap((template) => template.objects));
  const lost = Object.keys(objects).filter((id) => !placed.has(id));
  if (lost.length > 0) throw new Error(`the chart has no template for ${lost.join(', ')}: add them to TEMPLATES`);
  const emitter = new Emitter(variants.sentinels);
  return new Map(TEMPLATES.map((template) => [`${template.file}.yaml`, templateText(template, objects, emitter)]));
}

function templateText({ objects: ids, when, each }: Template, objects: Objects, emitter: Emitter): string {
  const documents = ids.map((id) => {
    const object = objects[id];
    if (object === undefined) throw new Error(`the constructs make no ${id}`);
    return `---\n${emitter.document(object)}`;
  });
  const opened = [when && `if ${when}`, each && EACH_NAMESPACE].filter((block) => typeof block === 'string');
  const lines = [
    NOTE,
    DEFAULTS,
    ...opened.map((block) => `{{- ${block} }}`),
    documents.join('').trimEnd(),
    ...opened.map(() => '{{- end }}'),
  ];
  return `${lines.join('\n')}\n`;
}
