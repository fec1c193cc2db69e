import type { ContainerResources, EnvValue, NodeLabelQuery, NodeTaintQuery } from 'cdk8s-plus-28';

/** Port of the operator's one HTTP server: /healthz, /readyz and /metrics. */
export const HTTP_PORT = 8080;

/** What the objects around the operator's Pods are made of. */
export interface OperatorInput {
  /** Name of the Deployment and of what goes with it. */
  readonly name: string;
  /** Absent: wherever the manifest is applied. */
  readonly namespace?: string;
  /** Labels of the objects and the Pods; a superset of `selectorLabels`. */
  readonly labels: Record<string, string>;
  readonly selectorLabels: Record<string, string>;
  readonly serviceAccountName: string;
  readonly image: string;
  readonly imagePullPolicy?: string;
  readonly replicas: number;
  readonly resources: ContainerResources;
  readonly logLevel: string;
  readonly nodeSelector?: { readonly [key: string]: string };
  /** All must hold. */
  readonly nodeLabels?: readonly NodeLabelQuery[];
  readonly tolerations?: readonly NodeTaintQuery[];
  /** Topology keys. */
  readonly spread: readonly string[];
  readonly priorityClassName?: string;
  readonly imagePullSecrets?: readonly string[];
  readonly podLabels?: { readonly [key: string]: string };
  readonly podAnnotations?: Record<string, string>;
  /** Flags that say which namespaces to watch, and whether the guard holds. */
  readonly args: readonly string[];
  readonly extraArgs?: readonly string[];
  readonly env?: { readonly [key: string]: EnvValue };
}
