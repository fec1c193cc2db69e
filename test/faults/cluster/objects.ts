import type { KubeObject, ObjectMeta } from '../../../operator/kube/types';
import type { HotStandbySpec, HotStandbyStatus } from '../../../src/api/types';

/** The objects the fake API server holds, as they travel in JSON. */

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: PodSpec;
}

export interface PodSpec {
  containers: { name: string; image?: string; env?: { name: string; value: string }[] }[];
  nodeName?: string;
}

export interface Pod extends KubeObject {
  spec: PodSpec;
  status: {
    phase: string;
    podIP?: string;
    conditions?: { type: string; status: string; lastTransitionTime: string }[];
    containerStatuses?: { state: { running?: object } }[];
  };
}

export interface ReplicaSet extends KubeObject {
  spec: { replicas: number; selector: { matchLabels: Record<string, string> }; template: PodTemplate };
  status?: { replicas: number; readyReplicas: number; observedGeneration: number };
}

export interface Deployment extends KubeObject {
  spec: {
    replicas: number;
    paused?: boolean;
    selector: { matchLabels: Record<string, string> };
    template: PodTemplate;
    minReadySeconds?: number;
    revisionHistoryLimit?: number;
    progressDeadlineSeconds?: number;
    strategy?: {
      type?: string;
      rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string } | null;
    };
  };
  status?: {
    observedGeneration: number;
    replicas?: number;
    readyReplicas?: number;
    collisionCount?: number;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
}

export interface Hsd extends KubeObject {
  spec: HotStandbySpec;
  status?: HotStandbyStatus;
}

export interface Budget extends KubeObject {
  spec: { minAvailable?: number; selector?: { matchLabels?: Record<string, string> } };
}

export interface Node extends KubeObject {
  spec?: { unschedulable?: boolean };
}

/** Of no further interest here. */
export interface Plain extends KubeObject {
  spec?: Record<string, unknown>;
}

/** Kinds by the name of their resource. */
export interface Kinds {
  hotstandbydeployments: Hsd;
  deployments: Deployment;
  replicasets: ReplicaSet;
  pods: Pod;
  poddisruptionbudgets: Budget;
  leases: Plain;
  events: Plain;
  nodes: Node;
}

export type Resource = keyof Kinds;
export const RESOURCES: readonly Resource[] = [
  'hotstandbydeployments',
  'deployments',
  'replicasets',
  'pods',
  'poddisruptionbudgets',
  'leases',
  'events',
  'nodes',
];

/** What is between two versions of an object. */
export type Edit<T> = (live: T) => T;

export function withMeta<T extends KubeObject>(object: T, changes: Partial<ObjectMeta>): T {
  return { ...object, metadata: { ...object.metadata, ...changes } };
}

export function controllerUid({ metadata }: KubeObject): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
}

export function isGoing({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

export function isReady({ status }: Pod): boolean {
  return status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
}

export function readySince({ status }: Pod): number {
  const ready = status.conditions?.find(({ type, status: is }) => type === 'Ready' && is === 'True');
  return Date.parse(ready?.lastTransitionTime ?? '') || 0;
}

export function isRunning({ status }: Pod): boolean {
  return status.containerStatuses?.some(({ state }) => state.running !== undefined) ?? false;
}

/** Neither on its way out nor finished, as the ReplicaSet controller counts. */
export function isActive(pod: Pod): boolean {
  return !isGoing(pod) && pod.status.phase !== 'Succeeded' && pod.status.phase !== 'Failed';
}

export function matches(labels: Readonly<Record<string, string>>, object: KubeObject): boolean {
  return Object.entries(labels).every(([key, value]) => object.metadata.labels?.[key] === value);
}
