import type { Duration } from 'cdk8s';
import type {
  ContainerResources,
  EnvValue,
  ImagePullPolicy,
  IServiceAccount,
  NodeLabelQuery,
  NodeTaintQuery,
  Topology,
} from 'cdk8s-plus-28';

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
 * How Prometheus finds the operator's metrics.
 */
export enum Monitoring {
  /** Not at all, or by a configuration of its own. */
  NONE = 'None',
  /** By the annotations `prometheus.io/scrape`, `port` and `path` of the Pods. */
  SCRAPE_ANNOTATIONS = 'ScrapeAnnotations',
  /**
   * By a headless Service and a ServiceMonitor (`monitoring.coreos.com/v1`, whose definition must be installed). A
   * Prometheus that chooses ServiceMonitors by label finds it by those in `labels` and `monitoringLabels`.
   */
  SERVICE_MONITOR = 'ServiceMonitor',
  /** By a PodMonitor (`monitoring.coreos.com/v1`), which needs no Service. */
  POD_MONITOR = 'PodMonitor',
}

/**
 * What the operator's Pods may send and receive, as a NetworkPolicy. Probes by the kubelet are always let in.
 */
export interface OperatorNetworkPolicy {
  /**
   * TCP ports of the API server itself: where the connections of its Service end up.
   *
   * @default [443, 6443]
   */
  readonly apiServerPorts?: number[];

  /**
   * Address ranges of the API server, in CIDR notation.
   *
   * @default - any address
   */
  readonly apiServerCidrs?: string[];

  /**
   * TCP ports of Pods the operator may send HTTP busy probes to, in any namespace of the cluster. An empty list suits
   * pools that are probed by annotation alone.
   *
   * @default - every port
   */
  readonly probePorts?: number[];

  /**
   * Labels of the namespaces whose Pods may read the metrics.
   *
   * @default - anybody may
   */
  readonly metricsNamespaces?: { readonly [key: string]: string };
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
   * Image of the operator, with a tag or a digest (`repository@sha256:<64 hexadecimal digits>`). With a digest give the
   * `version` it is, too, when it is not this package's.
   *
   * @default - ghcr.io/paia-tech/hotstandby:v<version>
   */
  readonly image?: string;

  /**
   * When the kubelet pulls the image.
   *
   * @default - Kubernetes': always for the tag "latest", else when the node does not have it
   */
  readonly imagePullPolicy?: ImagePullPolicy;

  /**
   * Namespace the operator runs in.
   *
   * @default - the chart's namespace; without one `hotstandby-system`, or with `ownNamespaceOnly` none: wherever it is applied
   */
  readonly namespace?: string;

  /**
   * Whether to create `namespace`. Whoever deletes these manifests then deletes it and everything in it, and
   * `namespaceLabels` hold for every Pod in it: right for a namespace that is the operator's alone.
   *
   * @default - true; false where it is not the operator's alone: the chart's own namespace, one of `namespaces`, with `ownNamespaceOnly`
   */
  readonly createNamespace?: boolean;

  /**
   * Labels of the namespace created here, among them the Pod Security Standard its Pods must meet.
   *
   * @default - pod-security.kubernetes.io/enforce: restricted
   */
  readonly namespaceLabels?: { readonly [key: string]: string };

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
   * CPU, memory and ephemeral storage of one operator Pod. Memory grows by about 2.5 KB for each Pod looked after.
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
   * Labels a node must have to run the operator, besides `kubernetes.io/os: linux`.
   *
   * @default - any node
   */
  readonly nodeSelector?: { readonly [key: string]: string };

  /**
   * What the labels of a node must say, all of it, for the operator to run there: what `nodeSelector` cannot say.
   *
   * @default - any node
   */
  readonly nodeLabels?: NodeLabelQuery[];

  /**
   * Taints of nodes that do not keep the operator away.
   *
   * @default - none
   */
  readonly tolerations?: NodeTaintQuery[];

  /**
   * Between what kinds of places the operator's Pods are spread as evenly as the scheduler can. An empty list: no care is
   * taken.
   *
   * @default [Topology.HOSTNAME]
   */
  readonly spread?: Topology[];

  /**
   * PriorityClass of the operator's Pods. It must exist.
   *
   * @default - the cluster's default
   */
  readonly priorityClassName?: string;

  /**
   * Names of Secrets in the operator's namespace with which to pull the image. They must exist.
   *
   * @default - none
   */
  readonly imagePullSecrets?: string[];

  /**
   * Further labels of the operator's Pods. Cannot replace the labels the operator is selected by.
   *
   * @default - none
   */
  readonly podLabels?: { readonly [key: string]: string };

  /**
   * Annotations of the operator's Pods, beside those `monitoring` may add.
   *
   * @default - none
   */
  readonly podAnnotations?: { readonly [key: string]: string };

  /**
   * Further arguments of the operator (`npm run operator -- --help` lists them). They come last.
   *
   * @default - none
   */
  readonly extraArgs?: string[];

  /**
   * Further environment variables of the operator, for example `NODE_OPTIONS`. Cannot replace `POD_NAME` and
   * `POD_NAMESPACE`.
   *
   * @default - none
   */
  readonly env?: { readonly [key: string]: EnvValue };

  /**
   * ServiceAccount the operator runs as, which must exist in its namespace; the operator's rights are bound to it.
   *
   * @default - one of its own, made here
   */
  readonly serviceAccount?: IServiceAccount;

  /**
   * Annotations of the ServiceAccount made here.
   *
   * @default - none
   */
  readonly serviceAccountAnnotations?: { readonly [key: string]: string };

  /**
   * Whether to install a PodDisruptionBudget by which a node drain takes one operator Pod at a time.
   *
   * @default true
   */
  readonly podDisruptionBudget?: boolean;

  /**
   * Lets the operator's Pods reach DNS, the API server and what they probe, and lets nothing reach them but their metrics
   * be read. `{}` takes the defaults.
   *
   * @default - no NetworkPolicy
   */
  readonly networkPolicy?: OperatorNetworkPolicy;

  /**
   * How Prometheus finds the metrics of the operator's Pods (`/metrics` on port 8080, named `http`).
   *
   * @default Monitoring.NONE
   */
  readonly monitoring?: Monitoring;

  /**
   * How often a ServiceMonitor or PodMonitor has the metrics read, in whole seconds.
   *
   * @default - as often as that Prometheus reads everything
   */
  readonly scrapeInterval?: Duration;

  /**
   * Further labels of ServiceMonitor, PodMonitor and PrometheusRule, by which a Prometheus chooses them.
   *
   * @default - none
   */
  readonly monitoringLabels?: { readonly [key: string]: string };

  /**
   * Whether to install the alerts, as a PrometheusRule (`monitoring.coreos.com/v1`, whose definition must be installed).
   *
   * @default false
   */
  readonly alerts?: boolean;

  /**
   * Whether to install the Grafana dashboard, as a ConfigMap with `dashboardLabels`.
   *
   * @default false
   */
  readonly dashboard?: boolean;

  /**
   * Labels by which Grafana's sidecar finds the dashboard.
   *
   * @default - grafana_dashboard: "1"
   */
  readonly dashboardLabels?: { readonly [key: string]: string };

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
