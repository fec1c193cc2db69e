import { ApiObject, Chart, Size } from 'cdk8s';
import { Cpu, Topology } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { HotStandbyCrd } from './hot-standby-crd';
import { type HotStandbyOperatorProps, LogLevel, Monitoring } from './hot-standby-operator-props';
import { prometheusRuleManifest } from './install/alerts';
import { clusterObject } from './install/cluster-object';
import { dashboardManifest } from './install/dashboard';
import { DEFAULT_REPLICAS, deploymentManifest, disruptionBudgetManifest, IMAGE_REPOSITORY } from './install/deployment';
import {
  type MonitoringInput,
  metricsServiceManifest,
  podMonitorManifest,
  scrapeAnnotations,
  serviceMonitorManifest,
} from './install/monitoring';
import { networkPolicyManifest } from './install/network-policy';
import { addPolicies, guarded } from './install/policies';
import { operatorRules, type PolicyRule, USER_ROLES } from './install/rbac';
import { userRoleManifest } from './install/user-roles';
import { validateOperator } from './install/validate-operator';
import { PACKAGE_VERSION } from './version';

const DEFAULT_NAMESPACE = 'hotstandby-system';
/** The Pod Security Standard that the operator's Pods meet. */
const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' };
const RBAC = 'rbac.authorization.k8s.io';

/**
 * Everything the operator needs: CustomResourceDefinition, namespace, ServiceAccount, RBAC, Deployment,
 * PodDisruptionBudget and the admission policies; if asked for, a NetworkPolicy and what monitors it.
 *
 * Object names carry no hash. For anything the properties do not cover, `ApiObject.of(operator.node.findChild('Deployment'))`
 * takes JSON patches.
 *
 * Throws when a property is out of its bounds or contradicts another one; the message names both.
 */
export class HotStandbyOperator extends Construct {
  /**
   * Namespace the operator runs in; undefined when it is wherever the manifest is applied.
   */
  public readonly namespace?: string;

  /**
   * Name of the operator's Deployment, and of its ServiceAccount unless another one was given.
   */
  public readonly operatorName: string;

  private readonly serviceAccountName: string;

  private readonly labels: Record<string, string>;
  private readonly selectorLabels: Record<string, string>;

  public constructor(scope: Construct, id: string, props: HotStandbyOperatorProps = {}) {
    super(scope, id);
    validateOperator(props);

    const name = props.name ?? 'hotstandby';
    const own = props.ownNamespaceOnly ?? false;
    const version = props.version ?? PACKAGE_VERSION;
    this.namespace = props.namespace ?? Chart.of(this).namespace ?? (own ? undefined : DEFAULT_NAMESPACE);
    this.operatorName = `${name}-operator`;
    this.serviceAccountName = props.serviceAccount?.name ?? this.operatorName;
    this.selectorLabels = {
      'app.kubernetes.io/name': 'hotstandby',
      'app.kubernetes.io/instance': name,
      'app.kubernetes.io/component': 'operator',
    };
    this.labels = { ...props.labels, 'app.kubernetes.io/version': version, ...this.selectorLabels };

    if (props.crd ?? !own) {
      new HotStandbyCrd(this, 'Crd', { labels: props.labels });
    }
    if (props.createNamespace ?? this.hasNamespaceAlone(props)) {
      this.addNamespace(props);
    }
    this.addRbac(props);
    this.addOperator(this.operatorInput(props, version), props);
    if (props.userRoles ?? !own) {
      this.addUserRoles(name);
    }
    addPolicies(this, { name, labels: this.labels, namespace: this.namespace }, props);
  }

  /** Whether nothing else can be meant to live in the namespace. */
  private hasNamespaceAlone({ ownNamespaceOnly, namespaces }: HotStandbyOperatorProps): boolean {
    const { namespace } = this;
    if (ownNamespaceOnly || namespace === undefined) {
      return false;
    }
    return namespace !== Chart.of(this).namespace && !namespaces?.includes(namespace);
  }

  private addNamespace({ namespaceLabels = RESTRICTED }: HotStandbyOperatorProps): void {
    if (this.namespace === undefined) {
      throw new Error("'createNamespace' is true but no namespace is named: give 'namespace'");
    }
    clusterObject(this, 'Namespace', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: this.namespace,
        labels: { ...namespaceLabels, ...this.labels },
      },
    });
  }

  private addRbac(props: HotStandbyOperatorProps): void {
    if (props.serviceAccount === undefined) {
      const annotations = props.serviceAccountAnnotations;
      const metadata = { name: this.operatorName, namespace: this.namespace, labels: this.labels, annotations };
      new ApiObject(this, 'ServiceAccount', { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    }
    const rules = operatorRules('watched');
    if (props.ownNamespaceOnly) {
      this.addRole('Role', this.operatorName, this.namespace, rules);
    } else if (props.namespaces) {
      for (const namespace of props.namespaces) {
        this.addRole(`Role-${namespace}`, this.operatorName, namespace, rules);
      }
    } else {
      this.addClusterRole([...rules, ...operatorRules('cluster')]);
    }
    this.addRole('LeaseRole', `${this.operatorName}-lease`, this.namespace, operatorRules('lease', this.operatorName));
  }

  private addRole(id: string, name: string, namespace: string | undefined, rules: PolicyRule[]): void {
    const metadata = { name, namespace, labels: this.labels };
    new ApiObject(this, id, { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata, rules });
    new ApiObject(this, `${id}Binding`, {
      apiVersion: `${RBAC}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'Role', name },
      subjects: [this.subject()],
    });
  }

  private addClusterRole(rules: PolicyRule[]): void {
    const metadata = { name: this.operatorName, labels: this.labels };
    clusterObject(this, 'ClusterRole', { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata, rules });
    clusterObject(this, 'ClusterRoleBinding', {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: this.operatorName },
      subjects: [this.subject()],
    });
  }

  /** Without a namespace the API server takes the one of the RoleBinding. */
  private subject() {
    return { kind: 'ServiceAccount', name: this.serviceAccountName, namespace: this.namespace };
  }

  private operatorInput(props: HotStandbyOperatorProps, version: string): MonitoringInput {
    const scrape = props.monitoring === Monitoring.SCRAPE_ANNOTATIONS ? scrapeAnnotations() : undefined;
    return {
      ...props,
      name: this.operatorName,
      namespace: this.namespace,
      labels: this.labels,
      selectorLabels: this.selectorLabels,
      serviceAccountName: this.serviceAccountName,
      image: props.image ?? `${IMAGE_REPOSITORY}:v${version}`,
      replicas: props.replicas ?? DEFAULT_REPLICAS,
      resources: props.resources ?? {
        cpu: { request: Cpu.millis(100) },
        memory: { request: Size.mebibytes(128), limit: Size.mebibytes(512) },
      },
      logLevel: props.logLevel ?? LogLevel.INFO,
      spread: (props.spread ?? [Topology.HOSTNAME]).map(({ key }) => key),
      podAnnotations: (scrape ?? props.podAnnotations) && { ...scrape, ...props.podAnnotations },
      args: guarded(props) ? [...watchArgs(props), '--admission-guard'] : watchArgs(props),
    };
  }

  private addOperator(input: MonitoringInput, props: HotStandbyOperatorProps): void {
    new ApiObject(this, 'Deployment', deploymentManifest(input));
    if (props.podDisruptionBudget ?? true) {
      new ApiObject(this, 'PodDisruptionBudget', disruptionBudgetManifest(input));
    }
    if (props.networkPolicy) {
      new ApiObject(this, 'NetworkPolicy', networkPolicyManifest(input, props.networkPolicy));
    }
    if (props.monitoring === Monitoring.SERVICE_MONITOR) {
      // Of a Service, 63 characters at most.
      const name = `${props.name ?? 'hotstandby'}-metrics`;
      new ApiObject(this, 'MetricsService', metricsServiceManifest(name, input));
      new ApiObject(this, 'ServiceMonitor', serviceMonitorManifest(input));
    }
    if (props.monitoring === Monitoring.POD_MONITOR) {
      new ApiObject(this, 'PodMonitor', podMonitorManifest(input));
    }
    if (props.alerts) {
      new ApiObject(this, 'PrometheusRule', prometheusRuleManifest(input));
    }
    if (props.dashboard) {
      const labels = props.dashboardLabels ?? { grafana_dashboard: '1' };
      new ApiObject(this, 'Dashboard', dashboardManifest(input, labels));
    }
  }

  private addUserRoles(name: string): void {
    for (const role of USER_ROLES) {
      clusterObject(this, `UserRole-${role.suffix}`, userRoleManifest(name, this.labels, role));
    }
  }
}

function watchArgs(props: HotStandbyOperatorProps): string[] {
  if (props.ownNamespaceOnly) {
    return ['--namespace=$(POD_NAMESPACE)'];
  }
  return props.namespaces ? props.namespaces.map((namespace) => `--namespace=${namespace}`) : ['--all-namespaces'];
}
