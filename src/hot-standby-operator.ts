import { ApiObject, Chart, Size } from 'cdk8s';
import { type ContainerResources, Cpu } from 'cdk8s-plus-28';
import { Construct } from 'constructs';
import { HotStandbyCrd } from './hot-standby-crd';
import { clusterObject } from './install/cluster-object';
import { type DeploymentInput, deploymentManifest, disruptionBudgetManifest } from './install/deployment';
import { addPolicies, guarded, validatePolicies } from './install/policies';
import { operatorRules, type PolicyRule, USER_ROLES } from './install/rbac';
import { checkDnsLabel, checkInteger } from './validation';
import { PACKAGE_VERSION } from './version';

const IMAGE_REPOSITORY = 'ghcr.io/paia-tech/hotstandby';
const DEFAULT_NAMESPACE = 'hotstandby-system';
const RBAC = 'rbac.authorization.k8s.io';

/**
 * How much the operator logs.
 */
export enum LogLevel {
  /** Every decision and every API request. */
  DEBUG = 'debug',
  /** What changed: scaling, rollouts, leadership. */
  INFO = 'info',
  /** What a person may want to look at. */
  WARN = 'warn',
  /** What does not work. */
  ERROR = 'error',
}

/**
 * Properties for `HotStandbyOperator`.
 */
export interface HotStandbyOperatorProps {
  /**
   * First part of the name of every object, a DNS label of at most 54 characters. Two operators in one cluster need two.
   *
   * @default 'hotstandby'
   */
  readonly name?: string;

  /**
   * Version of the operator, without "v": the tag of the default image and the label `app.kubernetes.io/version`.
   *
   * @default - the version of this package
   */
  readonly version?: string;

  /**
   * Image of the operator, with a tag or a digest.
   *
   * @default - ghcr.io/paia-tech/hotstandby:v<version>
   */
  readonly image?: string;

  /**
   * Namespace the operator runs in.
   *
   * @default - the chart's namespace; without one `hotstandby-system`, or with `ownNamespaceOnly` none: wherever it is applied
   */
  readonly namespace?: string;

  /**
   * Whether to create `namespace` (with the `restricted` Pod Security Standard enforced).
   *
   * @default - true; false with `ownNamespaceOnly`
   */
  readonly createNamespace?: boolean;

  /**
   * Namespaces whose HotStandbyDeployments the operator looks after: its rights are Roles in these. They must exist.
   *
   * @default - all of them, by a ClusterRole
   */
  readonly namespaces?: string[];

  /**
   * Look after the namespace the operator runs in and no other. Nothing outside that namespace is made unless asked for
   * by its own property, so a team without rights on the cluster can apply the result where somebody else has installed
   * the CustomResourceDefinition.
   *
   * @default false
   */
  readonly ownNamespaceOnly?: boolean;

  /**
   * Operator Pods. One of them writes (leader election); the others keep warm caches and take over.
   *
   * @default 2
   */
  readonly replicas?: number;

  /**
   * CPU, memory and ephemeral storage of one operator Pod. Memory grows by about 1.5 KB for each Pod looked after.
   *
   * @default - requests of 100 millicores and 128 MiB, a limit of 512 MiB
   */
  readonly resources?: ContainerResources;

  /**
   * How much the operator logs.
   *
   * @default LogLevel.INFO
   */
  readonly logLevel?: LogLevel;

  /**
   * Labels a node must have to run the operator.
   *
   * @default - any node
   */
  readonly nodeSelector?: { readonly [key: string]: string };

  /**
   * Further labels of every object and of the operator's Pods. Cannot replace the labels the operator is selected by.
   *
   * @default - none
   */
  readonly labels?: { readonly [key: string]: string };

  /**
   * Whether to install the CustomResourceDefinition (see `HotStandbyCrd`).
   *
   * @default - true; false with `ownNamespaceOnly`
   */
  readonly crd?: boolean;

  /**
   * Whether to install the guard: a ValidatingAdmissionPolicy by which the API server itself refuses `guardedUsers` the
   * deletion of a busy Pod, whatever the operator does or does not do. With it comes a second one that makes the garbage
   * collector wait for the sessions of a HotStandbyDeployment with `sessions.onDelete: Drain`. Needs Kubernetes 1.30.
   *
   * @default - true; false with `ownNamespaceOnly`
   */
  readonly admissionGuard?: boolean;

  /**
   * User names the guard refuses. A controller manager without `--use-service-account-credentials` acts as
   * `system:kube-controller-manager`: name that one instead.
   *
   * @default - the ReplicaSet controller, system:serviceaccount:kube-system:replicaset-controller
   */
  readonly guardedUsers?: string[];

  /**
   * Whether the guard refuses the scheduler, too, so that a Pod of higher priority cannot preempt a busy one. The price:
   * such a Pod stays Pending until a session ends or a node is added, even one that keeps the cluster running. Without it,
   * a `priorityClassName` in the Pod template decides who may preempt whom.
   *
   * @default false
   */
  readonly guardPreemption?: boolean;

  /**
   * Whether to install the marks policy: a MutatingAdmissionPolicy by which the API server writes the state label and the
   * marks for ReplicaSets and autoscalers in the very write that flips a Pod's busy annotation. Saves the operator one
   * write for each flip, and the moment between the two. Needs Kubernetes 1.36: an older API server refuses the object.
   * The operator marks what is not marked yet, with the policy and without.
   *
   * @default false
   */
  readonly admissionMarks?: boolean;

  /**
   * Whether to install the policy behind `HotStandby.selfAnnotating()`: Pods whose ServiceAccount is labelled
   * `hsd.paia.tech/annotator: "true"` may each change only themselves, and only their busy annotation. Needs Kubernetes
   * 1.30.
   *
   * @default - true; false with `ownNamespaceOnly`
   */
  readonly selfAnnotationPolicy?: boolean;

  /**
   * Whether to let the built-in ClusterRoles view, edit and admin cover HotStandbyDeployments.
   *
   * @default - true; false with `ownNamespaceOnly`
   */
  readonly userRoles?: boolean;
}

/**
 * Everything the operator needs: CustomResourceDefinition, namespace, ServiceAccount, RBAC, Deployment,
 * PodDisruptionBudget and the admission policies.
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
   * Name of the operator's Deployment and ServiceAccount.
   */
  public readonly operatorName: string;

  private readonly labels: Record<string, string>;
  private readonly selectorLabels: Record<string, string>;

  public constructor(scope: Construct, id: string, props: HotStandbyOperatorProps = {}) {
    super(scope, id);
    validate(props);

    const name = props.name ?? 'hotstandby';
    const own = props.ownNamespaceOnly ?? false;
    const version = props.version ?? PACKAGE_VERSION;
    this.namespace = props.namespace ?? Chart.of(this).namespace ?? (own ? undefined : DEFAULT_NAMESPACE);
    this.operatorName = `${name}-operator`;
    this.selectorLabels = {
      'app.kubernetes.io/name': 'hotstandby',
      'app.kubernetes.io/instance': name,
      'app.kubernetes.io/component': 'operator',
    };
    this.labels = { ...props.labels, 'app.kubernetes.io/version': version, ...this.selectorLabels };

    if (props.crd ?? !own) {
      new HotStandbyCrd(this, 'Crd', { labels: props.labels });
    }
    if (props.createNamespace ?? !own) {
      this.addNamespace();
    }
    this.addRbac(props);
    this.addOperator(props, version);
    if (props.userRoles ?? !own) {
      this.addUserRoles(name);
    }
    addPolicies(this, { name, labels: this.labels, namespace: this.namespace }, props);
  }

  private addNamespace(): void {
    if (this.namespace === undefined) {
      throw new Error("'createNamespace' is true but no namespace is named: give 'namespace'");
    }
    clusterObject(this, 'Namespace', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: this.namespace,
        labels: { ...this.labels, 'pod-security.kubernetes.io/enforce': 'restricted' },
      },
    });
  }

  private addRbac(props: HotStandbyOperatorProps): void {
    const metadata = { name: this.operatorName, namespace: this.namespace, labels: this.labels };
    new ApiObject(this, 'ServiceAccount', { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
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
    this.addRole('LeaseRole', `${this.operatorName}-lease`, this.namespace, operatorRules('lease'));
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
    return { kind: 'ServiceAccount', name: this.operatorName, namespace: this.namespace };
  }

  private addOperator(props: HotStandbyOperatorProps, version: string): void {
    const input: DeploymentInput = {
      name: this.operatorName,
      namespace: this.namespace,
      labels: this.labels,
      selectorLabels: this.selectorLabels,
      image: props.image ?? `${IMAGE_REPOSITORY}:v${version}`,
      replicas: props.replicas ?? 2,
      resources: props.resources ?? {
        cpu: { request: Cpu.millis(100) },
        memory: { request: Size.mebibytes(128), limit: Size.mebibytes(512) },
      },
      logLevel: props.logLevel ?? LogLevel.INFO,
      nodeSelector: props.nodeSelector,
      args: guarded(props) ? [...watchArgs(props), '--admission-guard'] : watchArgs(props),
    };
    new ApiObject(this, 'Deployment', deploymentManifest(input));
    new ApiObject(this, 'PodDisruptionBudget', disruptionBudgetManifest(input));
  }

  private addUserRoles(name: string): void {
    for (const { suffix, aggregateTo, rules } of USER_ROLES) {
      const aggregation = Object.fromEntries(aggregateTo.map((role) => [`${RBAC}/aggregate-to-${role}`, 'true']));
      clusterObject(this, `UserRole-${suffix}`, {
        apiVersion: `${RBAC}/v1`,
        kind: 'ClusterRole',
        metadata: { name: `${name}-${suffix}`, labels: { ...this.labels, ...aggregation } },
        rules,
      });
    }
  }
}

function watchArgs(props: HotStandbyOperatorProps): string[] {
  if (props.ownNamespaceOnly) {
    return ['--namespace=$(POD_NAMESPACE)'];
  }
  return props.namespaces ? props.namespaces.map((namespace) => `--namespace=${namespace}`) : ['--all-namespaces'];
}

function validate(props: HotStandbyOperatorProps): void {
  checkInteger('replicas', props.replicas, { min: 1, max: 10 });
  validateNames(props);
  validateNamespaces(props);
  if (props.image !== undefined && !/^[^\s]+$/.test(props.image)) {
    throw new Error(`'image' is "${props.image}": give an image reference, for example ${IMAGE_REPOSITORY}:v1.2.3`);
  }
  validatePolicies(props);
}

function validateNames(props: HotStandbyOperatorProps): void {
  if (props.name !== undefined) {
    checkDnsLabel('name', props.name);
    // "-operator" has 9 characters and the result is a ServiceAccount name used as a label by others: 63 at most.
    if (props.name.length > 54) {
      throw new Error(`'name' has ${props.name.length} characters: at most 54 are allowed, choose a shorter one`);
    }
  }
  if (props.namespace !== undefined) {
    checkDnsLabel('namespace', props.namespace);
  }
  if (props.version?.startsWith('v')) {
    throw new Error(`'version' is "${props.version}": leave out the "v", as in "${props.version.slice(1)}"`);
  }
}

function validateNamespaces(props: HotStandbyOperatorProps): void {
  const { namespaces } = props;
  if (namespaces === undefined) {
    return;
  }
  if (props.ownNamespaceOnly) {
    throw new Error("'namespaces' and 'ownNamespaceOnly' exclude each other: give one of them");
  }
  if (namespaces.length === 0) {
    throw new Error("'namespaces' is empty: name at least one, or leave it out to watch all");
  }
  for (const [index, namespace] of namespaces.entries()) {
    checkDnsLabel(`namespaces[${index}]`, namespace);
    if (namespaces.indexOf(namespace) !== index) {
      throw new Error(`'namespaces' names "${namespace}" twice: name it once`);
    }
  }
}
