import { CONTROLLER_MANAGER } from '../../src/install/guard';
import { fillDeployment } from './fill-deployment';
import { addAt, choice, literal, optional, parts, replaceAt, text, valueAt, yaml } from './places';
import type { Objects, Variants } from './variants';

/** `helm uninstall` leaves the object. */
const KEEP = { 'helm.sh/resource-policy': 'keep' };
/** Where a policy says who it is for. */
const USERS = ['spec', 'matchConditions', 0, 'expression'];

type Fill = (object: object, variants: Variants) => void;

const fills: Readonly<Record<string, Fill>> = {
  'Crd/Resource': (crd) => {
    // What keeps it is the construct's for Argo CD and Flux, and helm's own.
    const kept = { ...(valueAt(crd, ['metadata', 'annotations']) as object), ...KEEP };
    const annotations = `mergeOverwrite (ternary (${dict(kept)}) dict $.Values.crds.keep) $.Values.crds.annotations`;
    replaceAt(crd, ['metadata', 'annotations'], yaml(annotations));
  },
  // The release's own record lies in it.
  Namespace: (namespace) => addAt(namespace, ['metadata', 'annotations'], KEEP),
  ServiceAccount: (account) =>
    replaceAt(account, ['metadata', 'name'], text('include "hotstandby.serviceAccountName" $')),
  Deployment: fillDeployment,
  PodDisruptionBudget: (budget) =>
    replaceAt(budget, ['spec', 'maxUnavailable'], literal('$.Values.podDisruptionBudget.maxUnavailable')),
  NetworkPolicy: fillNetworkPolicy,
  ServiceMonitor: (monitor) => fillEndpoint(monitor, 'endpoints'),
  PodMonitor: (monitor) => fillEndpoint(monitor, 'podMetricsEndpoints'),
  Dashboard: (dashboard) => addAt(dashboard, ['metadata', 'annotations'], yaml('$.Values.dashboard.annotations')),
  // The value comes as a list of CEL strings, quotes and all, in place of those given to the construct.
  Guard: (policy) => replaceAt(policy, USERS, String(valueAt(policy, USERS)).replace(/\["(zz\d+zz)".*\]/, '[$1]')),
  DrainGuard: (policy, { sharedUser }) => {
    const shared = `has ${JSON.stringify(CONTROLLER_MANAGER)} $.Values.admissionGuard.users`;
    replaceAt(policy, USERS, choice(shared, valueAt(sharedUser.DrainGuard, USERS), valueAt(policy, USERS)));
  },
};

/** The chart's objects by the path of their constructs, with the places that the values fill. */
export function chartObjects(variants: Variants): Objects {
  const { all, account, listed, podMonitor } = variants;
  const roles = Object.entries(listed).filter(([id]) => id.startsWith('Role-'));
  const objects: Record<string, object> = structuredClone({
    ...all,
    ...Object.fromEntries(roles.map(([id, role]) => [id.endsWith('Binding') ? 'RoleBinding' : 'Role', role])),
    ServiceAccount: account.ServiceAccount ?? {},
    PodMonitor: podMonitor.PodMonitor ?? {},
  });
  for (const [id, object] of Object.entries(objects)) {
    fills[id]?.(object, variants);
    if (/^(Guard|DrainGuard|SelfAnnotation|Marks)Binding$/.test(id)) limitToNamespaces(object, listed[id]);
  }
  return objects;
}

/** A map of strings as an expression of a template. */
function dict(map: object): string {
  return [
    'dict',
    ...Object.entries(map)
      .flat()
      .map((word) => JSON.stringify(word)),
  ].join(' ');
}

/** A policy holds where the operator looks after Pods and nowhere else. */
function limitToNamespaces(binding: object, listed: unknown): void {
  const matchResources = structuredClone(valueAt(listed, ['spec', 'matchResources']));
  replaceAt(matchResources, ['namespaceSelector', 'matchExpressions', 0, 'values'], yaml('$.Values.namespaces'));
  addAt(binding, ['spec', 'matchResources'], choice('$.Values.namespaces', matchResources));
}

function fillNetworkPolicy(policy: object): void {
  const values = '$.Values.networkPolicy';
  const range = (path: (string | number)[], field: (string | number)[], list: string) => {
    const [first] = valueAt(policy, path) as object[];
    replaceAt(first, field, field.length > 1 ? text('.') : literal('. | int'));
    replaceAt(policy, path, parts({ range: `${values}.${list}`, item: first ?? {} }));
  };
  range(['spec', 'egress', 1, 'ports'], ['port'], 'apiServerPorts');
  range(['spec', 'egress', 1, 'to'], ['ipBlock', 'cidr'], 'apiServerCidrs');
  range(['spec', 'egress', 2, 'ports'], ['port'], 'probePorts');
  const egress = valueAt(policy, ['spec', 'egress']) as object[];
  replaceAt(policy, ['spec', 'egress', 2], parts({ when: `${values}.probes`, value: egress.slice(2) }));
  const from = ['spec', 'ingress', 0, 'from'];
  const namespaces = `${values}.metricsNamespaces`;
  replaceAt(policy, [...from, 0, 'namespaceSelector', 'matchLabels'], yaml(namespaces));
  replaceAt(policy, from, choice(namespaces, valueAt(policy, from)));
}

function fillEndpoint(monitor: object, field: string): void {
  const endpoint = ['spec', field, 0];
  for (const name of ['interval', 'scrapeTimeout']) {
    addAt(monitor, [...endpoint, name], optional(`$.Values.monitoring.${name}`));
  }
  for (const name of ['relabelings', 'metricRelabelings']) {
    addAt(monitor, [...endpoint, name], yaml(`$.Values.monitoring.${name}`));
  }
}
