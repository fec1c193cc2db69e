import { ApiError } from '../../../operator/kube/errors';
import type { KubeObject, ManagedFieldsEntry, ObjectMeta } from '../../../operator/kube/types';
import type { HotStandbyStatus } from '../../../src/api/types';
import { type Edit, isGoing, type Kinds, RESOURCES, type Resource, withMeta } from './objects';
import { apply, changedFields, type Fields, isEqual, present, union, without } from './patch';
import type { VirtualTime } from './time';

/** Who writes, and what admission policies see of it. */
export interface Request {
  actor: string;
  verb: 'create' | 'update' | 'delete';
  resource: Resource;
  subresource?: string;
  old?: KubeObject;
  object?: KubeObject;
}

export interface Policy {
  /** What becomes of an object before it is stored. */
  mutate?: (request: Request, object: KubeObject) => KubeObject;
  /** Why a request is refused. */
  validate?: (request: Request) => string | undefined;
}

export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  resource: Resource;
  object: KubeObject;
  previous?: KubeObject;
  actor: string;
  version: number;
  atMs: number;
}

export interface Write {
  actor: string;
  subresource?: string;
  /** Of the object as it was read. */
  uid?: string;
  resourceVersion?: string;
}

export interface Deletion extends Write {
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  dryRun?: boolean;
}

const KIND_NAMES: Partial<Record<Resource, { apiVersion: string; kind: string }>> = {
  hotstandbydeployments: { apiVersion: 'apps.paia.tech/v1alpha1', kind: 'HotStandbyDeployment' },
  deployments: { apiVersion: 'apps/v1', kind: 'Deployment' },
  replicasets: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  pods: { apiVersion: 'v1', kind: 'Pod' },
};

const WITH_STATUS: ReadonlySet<Resource> = new Set(['hotstandbydeployments', 'deployments', 'replicasets', 'pods']);
const WITH_GENERATION: ReadonlySet<Resource> = new Set(['hotstandbydeployments', 'deployments', 'replicasets']);

/** Everything the server holds at one moment. Objects are never changed, so a copy of the maps is a copy of all. */
export interface Snapshot {
  elapsedMs: number;
  version: number;
  serial: number;
  objects: Map<Resource, Map<string, KubeObject>>;
}

/**
 * An API server in memory: optimistic concurrency, admission, generations, managed fields, finalizers and deletion in
 * steps. Objects are replaced, never changed, so whoever holds one holds that version of it.
 */
export class ApiServer {
  readonly policies: Policy[] = [];
  /** What becomes of the object in the request under way, as by a policy that holds for this one request. */
  tamper: ((object: KubeObject) => KubeObject) | undefined;
  /** Called after every change, in order. */
  readonly watchers = new Set<(change: Change) => void>();
  readonly history: Change[] = [];
  /** Watches from before this version are told that it is gone. */
  compactedAt = 0;
  version = 1000;
  private serial = 0;
  private objects = new Map<Resource, Map<string, KubeObject>>(RESOURCES.map((resource) => [resource, new Map()]));

  constructor(private readonly time: VirtualTime) {}

  snapshot(): Snapshot {
    const objects = new Map([...this.objects].map(([resource, all]) => [resource, new Map(all)]));
    return { elapsedMs: this.time.elapsedMs, version: this.version, serial: this.serial, objects };
  }

  restore({ elapsedMs, version, serial, objects }: Snapshot): void {
    this.time.elapsedMs = elapsedMs;
    this.version = version;
    this.compactedAt = version;
    this.serial = serial;
    this.objects = new Map([...objects].map(([resource, all]) => [resource, new Map(all)]));
  }

  all<R extends Resource>(resource: R): Kinds[R][] {
    return [...(this.mapOf(resource).values() as Iterable<Kinds[R]>)];
  }

  find<R extends Resource>(resource: R, namespace: string, name: string): Kinds[R] | undefined {
    return this.mapOf(resource).get(`${namespace}/${name}`) as Kinds[R] | undefined;
  }

  get<R extends Resource>(resource: R, namespace: string, name: string): Kinds[R] {
    const found = this.find(resource, namespace, name);
    if (found === undefined) throw notFound(resource, name);
    return found;
  }

  byUid<R extends Resource>(resource: R, uid: string | undefined): Kinds[R] | undefined {
    return this.all(resource).find(({ metadata }) => metadata.uid === uid);
  }

  create<R extends Resource>(resource: R, namespace: string, body: object, { actor }: Write): Kinds[R] {
    const { metadata, ...rest } = JSON.parse(JSON.stringify(body)) as Kinds[R] & {
      metadata: ObjectMeta & { generateName?: string };
    };
    const { generateName, ...given } = metadata;
    const serial = ++this.serial;
    const name = given.name ?? `${generateName}${serial.toString(36).padStart(5, 'x')}`;
    if (this.find(resource, namespace, name)) throw alreadyExists(resource, name);
    const fresh = {
      ...KIND_NAMES[resource],
      ...rest,
      metadata: {
        ...given,
        name,
        namespace,
        uid: `${resource}-${serial}`,
        resourceVersion: '',
        creationTimestamp: this.timestamp(),
        ...(WITH_GENERATION.has(resource) && { generation: 1 }),
      },
    } as unknown as Kinds[R];
    const request: Request = { actor, verb: 'create', resource, object: fresh };
    const object = this.mutated(request, fresh) as Kinds[R];
    this.validate({ ...request, object });
    return this.commit('ADDED', resource, defaulted(resource, object), actor) as Kinds[R];
  }

  /** @throws ApiError as an API server refuses: 404, 409 for another version, 422 for another uid, 403 by a policy */
  update<R extends Resource>(
    resource: R,
    namespace: string,
    name: string,
    edit: Edit<Kinds[R]>,
    write: Write,
  ): Kinds[R] {
    const live = this.get(resource, namespace, name);
    this.checkUpdate(resource, live, write);
    return this.store(resource, live, this.tracked(resource, live, edit(live), write), write);
  }

  /** Server-side apply with force. */
  apply<R extends Resource>(
    resource: R,
    namespace: string,
    name: string,
    body: object,
    write: Write & { manager: string },
  ): Kinds[R] {
    const copy = JSON.parse(JSON.stringify(body)) as Record<string, unknown>;
    const live = this.find(resource, namespace, name);
    const { uid, resourceVersion } = (copy.metadata ?? {}) as Partial<ObjectMeta>;
    if (live === undefined) {
      if (uid !== undefined) throw conflict(resource, name, 'the object to apply to is gone');
      const { object, managedFields } = apply({}, [], copy, write.manager);
      return this.create(resource, namespace, named(object, name, managedFields), write);
    }
    if (uid !== undefined && uid !== live.metadata.uid) throw conflict(resource, name, 'another uid');
    this.checkUpdate(resource, live, { ...write, resourceVersion });
    const { managedFields: entries = [], ...metadata } = live.metadata;
    const { object, managedFields } = apply({ ...live, metadata }, entries, copy, write.manager);
    const next = object as unknown as Kinds[R];
    return this.store(resource, live, withMeta(next, { managedFields }), write);
  }

  /** The status alone, by a controller. */
  setStatus<R extends Resource>(resource: R, object: Kinds[R], status: unknown, actor: string): void {
    const { namespace = '', name, uid } = object.metadata;
    if (this.find(resource, namespace, name)?.metadata.uid !== uid) return;
    this.update(resource, namespace, name, (live) => ({ ...live, status }), { actor, subresource: 'status' });
  }

  delete<R extends Resource>(resource: R, namespace: string, name: string, deletion: Deletion): Kinds[R] | undefined {
    const live = this.get(resource, namespace, name);
    const { actor, uid, resourceVersion, propagationPolicy, dryRun } = deletion;
    if (uid !== undefined && uid !== live.metadata.uid) throw conflict(resource, name, 'another uid');
    if (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion) {
      throw conflict(resource, name, 'the object has been modified');
    }
    this.validate({ actor, verb: 'delete', resource, old: live });
    if (dryRun) return live;
    const finalizers = [...(live.metadata.finalizers ?? []), ...propagation(propagationPolicy, live)];
    const isGraceful = resource === 'pods' && (live as Kinds['pods']).spec.nodeName !== undefined;
    if (finalizers.length === 0 && !isGraceful) return this.remove(resource, live, actor);
    const deletionTimestamp = live.metadata.deletionTimestamp ?? this.timestamp();
    const generation =
      isGoing(live) || live.metadata.generation === undefined ? live.metadata.generation : live.metadata.generation + 1;
    const next = withMeta(live, { deletionTimestamp, generation, ...(finalizers.length > 0 && { finalizers }) });
    return isEqual(next, live) ? live : (this.commit('MODIFIED', resource, next, actor, live) as Kinds[R]);
  }

  /** The kubelet is done with a Pod: it goes unless a finalizer holds it. */
  finish(pod: Kinds['pods']): void {
    if ((pod.metadata.finalizers ?? []).length === 0) this.remove('pods', pod, 'kubelet');
  }

  timestamp(): string {
    return new Date(this.time.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  private checkUpdate(resource: Resource, live: KubeObject, { uid, resourceVersion }: Write): void {
    const { name, metadata } = { name: live.metadata.name, metadata: live.metadata };
    if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
      throw conflict(resource, name, 'the object has been modified');
    }
    if (uid === undefined || uid === metadata.uid) return;
    const causes = [{ reason: 'FieldValueInvalid', field: 'metadata.uid', message: 'field is immutable' }];
    throw new ApiError(422, { reason: 'Invalid', message: `${resource} "${name}" is invalid`, details: { causes } });
  }

  private store<R extends Resource>(resource: R, live: Kinds[R], wish: Kinds[R], write: Write): Kinds[R] {
    const { actor, subresource } = write;
    const request: Request = { actor, verb: 'update', resource, subresource, old: live, object: wish };
    const mutated = this.mutated(request, this.ofSubresource(resource, live, wish, subresource)) as Kinds[R];
    this.validate({ ...request, object: mutated });
    if (isEqual(mutated, live)) return live;
    const specChanged = !isEqual(mutated.spec, live.spec);
    const { generation } = live.metadata;
    const next = withMeta(mutated, {
      ...(generation !== undefined && { generation: specChanged ? generation + 1 : generation }),
    });
    if (isGoing(live) && (next.metadata.finalizers ?? []).length === 0 && !isGraceful(resource, live)) {
      return this.remove(resource, next as Kinds[R], actor) ?? live;
    }
    return this.commit('MODIFIED', resource, next, actor, live) as Kinds[R];
  }

  /** What identifies an object cannot be changed, and status and the rest have doors of their own. */
  private ofSubresource<R extends Resource>(
    resource: R,
    live: Kinds[R],
    wish: Kinds[R],
    subresource?: string,
  ): Kinds[R] {
    const { uid, name, namespace, creationTimestamp, deletionTimestamp, generation } = live.metadata;
    const fixed = { uid, name, namespace, creationTimestamp, deletionTimestamp, generation };
    if (subresource === 'status')
      return { ...live, status: (wish as { status?: HotStandbyStatus }).status } as Kinds[R];
    const metadata = present({ ...wish.metadata, ...fixed });
    const status = WITH_STATUS.has(resource) && { status: (live as { status?: unknown }).status };
    return { ...wish, ...status, metadata } as Kinds[R];
  }

  /** Who changed which field of a Deployment's spec, for everybody but the apply itself. */
  private tracked<R extends Resource>(
    resource: R,
    live: Kinds[R],
    next: Kinds[R],
    { actor, subresource }: Write,
  ): Kinds[R] {
    if (resource !== 'deployments' || subresource) return next;
    const isRewritten = !isEqual(live.metadata.managedFields, next.metadata.managedFields);
    const changed = changedFields({ spec: live.spec }, { spec: next.spec });
    if (isRewritten || changed === undefined) return next;
    const entries = (live.metadata.managedFields ?? []).flatMap((entry): ManagedFieldsEntry[] => {
      if (entry.subresource) return [entry];
      const left = without((entry.fieldsV1 ?? {}) as Fields, changed);
      return left === undefined ? [] : [{ ...entry, fieldsV1: left }];
    });
    const own = entries.find(({ manager, operation }) => manager === actor && operation === 'Update');
    const fieldsV1 = union((own?.fieldsV1 ?? {}) as Fields, changed);
    const entry: ManagedFieldsEntry = { manager: actor, operation: 'Update', apiVersion: 'apps/v1', fieldsV1 };
    return withMeta(next, { managedFields: [...entries.filter((other) => other !== own), entry] });
  }

  private mutated(request: Request, object: KubeObject): KubeObject {
    const mutated = this.policies.reduce((current, { mutate }) => mutate?.(request, current) ?? current, object);
    return this.tamper?.(mutated) ?? mutated;
  }

  private validate(request: Request): void {
    for (const { validate } of this.policies) {
      const refusal = validate?.(request);
      if (refusal !== undefined) throw new ApiError(403, { reason: 'Forbidden', message: refusal });
    }
  }

  private remove<R extends Resource>(resource: R, live: Kinds[R], actor: string): Kinds[R] | undefined {
    this.mapOf(resource).delete(keyOf(live));
    this.commit('DELETED', resource, live, actor, live);
    return undefined;
  }

  private commit(
    type: Change['type'],
    resource: Resource,
    object: KubeObject,
    actor: string,
    previous?: KubeObject,
  ): KubeObject {
    this.version += 1;
    const stored = withMeta(object, { resourceVersion: String(this.version) });
    if (type !== 'DELETED') this.mapOf(resource).set(keyOf(stored), stored);
    const { version, time } = this;
    const change: Change = { type, resource, object: stored, previous, actor, version, atMs: time.elapsedMs };
    this.history.push(change);
    for (const watcher of this.watchers) watcher(change);
    return stored;
  }

  private mapOf(resource: Resource): Map<string, KubeObject> {
    const map = this.objects.get(resource);
    if (map === undefined) throw new ApiError(404, { reason: 'NotFound', message: `no resource ${resource}` });
    return map;
  }
}

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;

function isGraceful(resource: Resource, live: KubeObject): boolean {
  return resource === 'pods' && (live as Kinds['pods']).spec.nodeName !== undefined;
}

function propagation(policy: Deletion['propagationPolicy'], { metadata }: KubeObject): string[] {
  const finalizer = policy === 'Foreground' ? 'foregroundDeletion' : policy === 'Orphan' ? 'orphan' : undefined;
  return finalizer === undefined || metadata.finalizers?.includes(finalizer) ? [] : [finalizer];
}

function named(object: Record<string, unknown>, name: string, managedFields: ManagedFieldsEntry[]): object {
  return { ...object, metadata: { ...(object.metadata as object), name, managedFields } };
}

/** What the API server fills in. */
function defaulted<T extends KubeObject>(resource: Resource, object: T): T {
  if (resource !== 'deployments') return object;
  const { spec } = object as unknown as Kinds['deployments'];
  const defaults = { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 };
  return { ...object, spec: { ...defaults, ...spec } };
}

export function notFound(resource: Resource, name: string): ApiError {
  return new ApiError(404, { reason: 'NotFound', message: `${resource} "${name}" not found` });
}

function alreadyExists(resource: Resource, name: string): ApiError {
  return new ApiError(409, { reason: 'AlreadyExists', message: `${resource} "${name}" already exists` });
}

function conflict(resource: Resource, name: string, message: string): ApiError {
  const text = `Operation cannot be fulfilled on ${resource} "${name}": ${message}`;
  return new ApiError(409, { reason: 'Conflict', message: text });
}
