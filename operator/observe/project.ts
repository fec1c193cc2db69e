import { DEFAULTS } from '../../src/api/defaults';
import { MARKS, POD_STATES, type PodState } from '../../src/api/marks';
import {
  BUSY_KEY_ANNOTATION,
  CLAIMED_AT_ANNOTATION,
  CLAIMED_BY_ANNOTATION,
  DRAIN_ANNOTATION,
  EXPIRES_AT_ANNOTATION,
  METADATA_HASH_ANNOTATION,
  NAME_LABEL,
  OWNERSHIP_ANNOTATION,
  SESSION_ANNOTATION,
  STATE_LABEL,
  TEMPLATE_HASH_ANNOTATION,
} from '../../src/api/names';
import { MAX_SESSION_ID, MAX_USER_NAME } from '../../src/api/sessions';
import type { HotStandbySpec, HotStandbyStatus } from '../../src/api/types';
import { toleratesCordon } from '../decide/cordon';
import type {
  BudgetView,
  ChildStrategy,
  Controller,
  DeploymentView,
  HsdView,
  ObjectView,
  PodView,
  PortView,
  ReplicaSetView,
  SessionView,
  TemplateKeys,
} from '../decide/model';
import { strategyText } from '../decide/template';
import { ownsTemplate } from '../kube/managed-fields';
import type { KubeObject, ObjectMeta } from '../kube/types';
import { Shared } from './shared';

/**
 * From API objects to views. A whole Pod takes about 10 KB in memory, its view well under 1 KB; nothing of the object is
 * kept alive by it. Bad values written by others become absent ones: a decision never fails on them.
 */

export interface PodObject extends KubeObject {
  spec?: {
    nodeName?: string;
    hostNetwork?: boolean;
    tolerations?: unknown;
    containers?: { ports?: Partial<PortView>[] }[];
  };
  status?: {
    phase?: string;
    podIP?: string;
    conditions?: { type: string; status: string; lastTransitionTime?: string }[];
    containerStatuses?: { state?: { running?: object } }[];
  };
}

/** A node, as far as scheduling goes. */
export interface NodeView extends ObjectView {
  cordoned: boolean;
}

interface TemplateHolder {
  template?: { metadata?: Pick<ObjectMeta, 'annotations' | 'labels'> };
}

export interface ReplicaSetObject extends KubeObject {
  spec?: { replicas?: number } & TemplateHolder;
  status?: { replicas?: number; observedGeneration?: number };
}

export interface DeploymentObject extends KubeObject {
  spec?: {
    replicas?: number;
    paused?: boolean;
    selector?: { matchLabels?: Record<string, string> };
    minReadySeconds?: number;
    revisionHistoryLimit?: number;
    progressDeadlineSeconds?: number;
    strategy?: ChildStrategy;
  } & TemplateHolder;
  status?: {
    observedGeneration?: number;
    replicas?: number;
    conditions?: { type: string; status: string; message?: string }[];
  };
}

export interface HsdObject extends KubeObject {
  spec: HotStandbySpec;
  status?: HotStandbyStatus;
}

const REVISION_ANNOTATION = 'deployment.kubernetes.io/revision';
const MARK_KEYS = [...Object.keys(MARKS.busy), DRAIN_ANNOTATION];

export function projectHsd(object: HsdObject): HsdView {
  return {
    ...identity(object.metadata),
    generation: object.metadata.generation ?? 0,
    deleting: object.metadata.deletionTimestamp !== undefined,
    finalizers: object.metadata.finalizers ?? [],
    spec: object.spec,
    status: object.status ?? {},
  };
}

export function projectDeployment({ metadata, spec, status }: DeploymentObject): DeploymentView {
  const progressing = status?.conditions?.find((c) => c.type === 'Progressing' && c.status === 'False');
  const failure = status?.conditions?.find((c) => c.type === 'ReplicaFailure' && c.status === 'True');
  return defined({
    ...identity(metadata),
    generation: metadata.generation ?? 0,
    observedGeneration: status?.observedGeneration ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    controller: controllerOf(metadata),
    hsd: metadata.labels?.[NAME_LABEL],
    matchLabels: spec?.selector?.matchLabels ?? {},
    replicas: spec?.replicas ?? 1,
    paused: spec?.paused ?? false,
    templateHash: spec?.template?.metadata?.annotations?.[TEMPLATE_HASH_ANNOTATION],
    templateKeys: templateKeysOf(spec),
    templateEdited: isTemplateEdited(metadata),
    revision: metadata.annotations?.[REVISION_ANNOTATION],
    statusReplicas: status?.replicas ?? 0,
    replicaFailure: failure?.message,
    deadlineExceeded: progressing?.message,
    settings: {
      minReadySeconds: spec?.minReadySeconds ?? DEFAULTS.minReadySeconds,
      revisionHistoryLimit: spec?.revisionHistoryLimit ?? DEFAULTS.revisionHistoryLimit,
      progressDeadlineSeconds: spec?.progressDeadlineSeconds ?? DEFAULTS.progressDeadlineSeconds,
      strategy: strategyText(spec?.strategy),
      drainOnDelete: isMarkedToDrain(metadata),
      metadataHash: metadata.annotations?.[METADATA_HASH_ANNOTATION] ?? '',
    },
  });
}

export function projectReplicaSet({ metadata, spec, status }: ReplicaSetObject): ReplicaSetView {
  return defined({
    ...identity(metadata),
    hsd: metadata.labels?.[NAME_LABEL],
    controller: controllerOf(metadata),
    deleting: metadata.deletionTimestamp !== undefined,
    finalizers: metadata.finalizers ?? [],
    observed: (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0),
    replicas: spec?.replicas ?? 1,
    statusReplicas: status?.replicas ?? 0,
    templateHash: spec?.template?.metadata?.annotations?.[TEMPLATE_HASH_ANNOTATION],
    templateKeys: templateKeysOf(spec),
    revision: metadata.annotations?.[REVISION_ANNOTATION],
  });
}

export function projectPod({ metadata, spec, status }: PodObject): PodView {
  const annotations = metadata.annotations ?? {};
  const ready = status?.conditions?.find((c) => c.type === 'Ready' && c.status === 'True');
  return defined({
    ...identity(metadata),
    hsd: metadata.labels?.[NAME_LABEL],
    state: podState(metadata.labels?.[STATE_LABEL]),
    controller: controllerOf(metadata),
    deleting: metadata.deletionTimestamp !== undefined,
    phase: status?.phase ?? 'Pending',
    ready: ready !== undefined,
    readySince: timeOf(ready?.lastTransitionTime),
    running: status?.containerStatuses?.some((c) => c.state?.running !== undefined) ?? false,
    trueKeys: Object.keys(annotations).filter((key) => annotations[key]?.toLowerCase() === 'true'),
    busyKey: annotations[BUSY_KEY_ANNOTATION] || undefined,
    templateHash: annotations[TEMPLATE_HASH_ANNOTATION],
    marks: pick(annotations, MARK_KEYS),
    session: sessionOf(annotations),
    labels: labelsOf(metadata.labels),
    ports: portsOf(spec?.containers),
    createdAt: timeOf(metadata.creationTimestamp),
    node: spec?.nodeName,
    ip: status?.podIP,
    hostNetwork: spec?.hostNetwork ?? false,
    ignoresCordon: toleratesCordon(spec?.tolerations) || undefined,
  });
}

/** The Pods of a template have the same labels and ports: 10,000 Pods of 1,000 hsds hold 1,000 of each, not 10,000. */
const sharedLabels = new Shared<Readonly<Record<string, string>>>();
const sharedPorts = new Shared<readonly PortView[]>();

function labelsOf(labels: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const { [STATE_LABEL]: _, ...others } = labels;
  return sharedLabels.of(others);
}

function portsOf(containers: { ports?: Partial<PortView>[] }[] = []): readonly PortView[] {
  const ports = containers.flatMap((container) => container.ports ?? []);
  const views = ports.map(({ name, containerPort = 0, protocol = 'TCP' }) => ({
    ...(name !== undefined && { name }),
    containerPort,
    protocol,
  }));
  return sharedPorts.of(views);
}

/** Any value is a record: whoever cannot read it must not take the Pod for free. A time nobody can read never comes. */
function sessionOf(annotations: Readonly<Record<string, string>>): SessionView | undefined {
  const id = annotations[SESSION_ANNOTATION];
  if (typeof id !== 'string') return undefined;
  const expiresAt = timeOf(annotations[EXPIRES_AT_ANNOTATION]);
  return {
    // One character more than a valid one: what is cut off stays invalid.
    id: id.slice(0, MAX_SESSION_ID + 1),
    claimedBy: (annotations[CLAIMED_BY_ANNOTATION] ?? '').slice(0, MAX_USER_NAME),
    claimedAt: timeOf(annotations[CLAIMED_AT_ANNOTATION]),
    ...(expiresAt > 0 && { expiresAt }),
  };
}

export interface BudgetObject extends KubeObject {
  spec?: { minAvailable?: number | string; selector?: object; unhealthyPodEvictionPolicy?: string };
}

export function projectBudget({ metadata, spec }: BudgetObject): BudgetView {
  return defined({
    ...identity(metadata),
    hsd: metadata.labels?.[NAME_LABEL],
    minAvailable: typeof spec?.minAvailable === 'number' ? spec.minAvailable : -1,
    selector: spec?.selector,
    unhealthyPodEvictionPolicy: spec?.unhealthyPodEvictionPolicy,
    drainOnDelete: isMarkedToDrain(metadata),
  });
}

export interface NodeObject extends KubeObject {
  spec?: { unschedulable?: boolean };
}

export function projectNode({ metadata, spec }: NodeObject): NodeView {
  return { ...identity(metadata), cordoned: spec?.unschedulable ?? false };
}

/** `hsd` key of an object that carries the name label: `namespace/name`. */
export function keyOf({ namespace, hsd }: { namespace: string; hsd?: string }): string | undefined {
  return hsd === undefined ? undefined : `${namespace}/${hsd}`;
}

function identity(metadata: ObjectMeta): ObjectView {
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    resourceVersion: metadata.resourceVersion,
  };
}

function controllerOf({ ownerReferences }: ObjectMeta): Controller | undefined {
  const owner = ownerReferences?.find((reference) => reference.controller === true);
  return owner && { kind: owner.kind, name: owner.name, uid: owner.uid };
}

function timeOf(text: string | undefined): number {
  return Date.parse(text ?? '') || 0;
}

function podState(label: string | undefined): PodState | undefined {
  return POD_STATES.find((state) => state === label);
}

function templateKeysOf(holder: TemplateHolder | undefined): TemplateKeys {
  const { labels, annotations } = holder?.template?.metadata ?? {};
  return defined({
    hsd: labels?.[NAME_LABEL],
    state: labels?.[STATE_LABEL],
    busyKey: annotations?.[BUSY_KEY_ANNOTATION] || undefined,
  });
}

function isTemplateEdited({ managedFields, annotations }: ObjectMeta): boolean {
  if (annotations?.[OWNERSHIP_ANNOTATION] === 'taking') return true;
  return managedFields?.some((entry) => ownsTemplate(entry)) ?? false;
}

function isMarkedToDrain({ annotations }: ObjectMeta): boolean {
  return annotations?.[DRAIN_ANNOTATION] === 'true';
}

function pick(from: Readonly<Record<string, string>>, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]])));
}

/** Without the members that are undefined: views are compared by tests and counted in bytes. */
function defined<T extends object>(view: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(view).filter(([, value]) => value !== undefined)) as T;
}
