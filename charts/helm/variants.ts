import { ApiObject, App, Chart } from 'cdk8s';
import { ServiceAccount } from 'cdk8s-plus-28';
import { HotStandbyOperator, type HotStandbyOperatorProps, Monitoring } from '../../src';
import { CONTROLLER_MANAGER, REPLICASET_CONTROLLER } from '../../src/install/guard';
import { scrapeAnnotations } from '../../src/install/monitoring';
import { optional, parts, Sentinels } from './places';

/** Objects of an operator by the path of their constructs. */
export type Objects = Readonly<Record<string, object>>;

/** What the chart's objects are made of: the same operator with different properties, and the places in them. */
export interface Variants {
  readonly sentinels: Sentinels;
  /** For the whole cluster, with everything that can be asked for. */
  readonly all: Objects;
  /** With a ServiceAccount of its own. */
  readonly account: Objects;
  /** For one namespace of a list. */
  readonly listed: Objects;
  /** For the namespace it runs in. */
  readonly own: Objects;
  /** Scraped by a PodMonitor. */
  readonly podMonitor: Objects;
  /** For controllers that share one user. */
  readonly sharedUser: Objects;
}

/** The namespace of a loop over the namespaces looked after. */
const EACH = '$namespace';

/** The objects HotStandbyOperator makes of `props`. */
export function operatorObjects(props: HotStandbyOperatorProps): Objects {
  const chart = new Chart(new App(), 'chart');
  const operator = new HotStandbyOperator(chart, 'operator', props);
  const objects = operator.node.findAll().filter((node) => ApiObject.isApiObject(node));
  const prefix = `${operator.node.path}/`;
  return Object.fromEntries(objects.map((object) => [object.node.path.replace(prefix, ''), object.toJson()]));
}

export function variants(): Variants {
  const sentinels = new Sentinels();
  const base = baseProps(sentinels);
  const { serviceAccount: _, ...ownAccount } = base;
  const annotations = { [sentinels.add(parts({ yaml: '$.Values.serviceAccount.annotations' }))]: '' };
  // There nothing outside of the namespace is made.
  const { admissionGuard, admissionMarks, selfAnnotationPolicy, crd, ...namespaced } = base;
  return {
    sentinels,
    all: operatorObjects(base),
    account: operatorObjects({ ...ownAccount, serviceAccountAnnotations: annotations }),
    listed: operatorObjects({ ...base, namespaces: [sentinels.text(EACH)] }),
    own: operatorObjects({ ...namespaced, ownNamespaceOnly: true }),
    podMonitor: operatorObjects({ ...base, monitoring: Monitoring.POD_MONITOR }),
    sharedUser: operatorObjects({ ...base, guardedUsers: [CONTROLLER_MANAGER] }),
  };
}

/** Everything on; what the values decide is a sentinel where the property takes a string. */
function baseProps(sentinels: Sentinels): HotStandbyOperatorProps {
  const map = (path: string) => ({ [sentinels.add(parts({ yaml: path }))]: '' });
  const account = sentinels.text('include "hotstandby.serviceAccountName" $');
  const podAnnotations = parts(
    { when: 'eq $.Values.monitoring.type "ScrapeAnnotations"', value: scrapeAnnotations() },
    { yaml: '$.Values.podAnnotations' },
  );
  return {
    name: sentinels.text('include "hotstandby.fullname" $'),
    version: sentinels.text('$.Chart.AppVersion'),
    image: sentinels.text('include "hotstandby.image" $'),
    namespace: sentinels.text('$.Release.Namespace'),
    createNamespace: true,
    namespaceLabels: map('$.Values.namespaceLabels'),
    crd: true,
    userRoles: true,
    admissionGuard: true,
    // With one by which the operator may rely on the guard.
    guardedUsers: [sentinels.anyText('include "hotstandby.guardedUsers" $'), REPLICASET_CONTROLLER],
    admissionMarks: true,
    selfAnnotationPolicy: true,
    labels: map('$.Values.commonLabels'),
    podLabels: map('$.Values.podLabels'),
    podAnnotations: { [sentinels.add(podAnnotations)]: '' },
    priorityClassName: sentinels.add(optional('$.Values.priorityClassName')),
    serviceAccount: ServiceAccount.fromServiceAccountName(new Chart(new App(), 'account'), 'account', account),
    networkPolicy: { apiServerPorts: [443], apiServerCidrs: ['0.0.0.0/0'], probePorts: [80], metricsNamespaces: {} },
    monitoring: Monitoring.SERVICE_MONITOR,
    monitoringLabels: map('$.Values.monitoring.labels'),
    alerts: true,
    dashboard: true,
    dashboardLabels: map('$.Values.dashboard.labels'),
  };
}
