import { childName, DRAIN_ANNOTATION, NAME_LABEL, OWNERSHIP_ANNOTATION, RETIRE_FINALIZER } from '../../src/api/names';
import type { ChildManifest, HsdView, ReplicaSetView, Write } from '../decide/model';
import { drains, ownerReference } from '../decide/template';
import { ApiError, isForbidden, isInvalid, isOutdated } from '../kube/errors';
import { takeSpec } from '../kube/managed-fields';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import { type Applier, type Of, observeDeletion } from './applier';
import { writeBudget } from './budget';
import { addFinalizer, removeFinalizer } from './finalizer';
import { withScale } from './scale-reply';

/** The API server refused the child Deployment for what Git says, in its own words. */
export class ChildRefused extends Error {
  constructor(
    readonly reason: string,
    message: string,
  ) {
    super(message);
    this.name = 'ChildRefused';
  }
}

/**
 * Sends one write. Every reply enters the cache at once, so that the next decision never misses what this one did.
 *
 * @throws ApiError with 409 when the object changed meanwhile (decide again), ChildRefused, NotLeading
 */
export async function perform(applier: Applier, hsd: HsdView, write: Write): Promise<void> {
  switch (write.kind) {
    case 'scaleChild':
      return scaleChild(applier, write);
    case 'resumeChild':
      return resumeChild(applier, write);
    case 'applyChild':
      return applyChild(applier, hsd, write);
    case 'markPod':
      return markPod(applier, write);
    case 'labelReplicaSet':
      return patchReplicaSet(applier, write.replicaSet, { labels: { [NAME_LABEL]: write.hsd } });
    case 'ownReplicaSet':
      return ownReplicaSet(applier, hsd, write);
    case 'deleteReplicaSet':
      return deleteReplicaSet(applier, write);
    case 'releaseReplicaSet':
      return releaseReplicaSet(applier, write.replicaSet);
    case 'ownPod':
      return ownPod(applier, hsd, write);
    case 'deletePod':
      return deletePod(applier, write);
    case 'createBudget':
    case 'repairBudget':
    case 'markBudget':
    case 'deleteBudget':
      return writeBudget(applier, hsd, write);
    case 'releaseChild':
      return releaseChild(applier, hsd, write);
    case 'addFinalizer':
      return addFinalizer(applier, hsd, write.finalizer);
    case 'removeFinalizer':
      return removeFinalizer(applier, hsd, write.finalizer);
  }
}

/** Down only from what was seen: a child raised meanwhile would end Pods nobody chose. Up must not wait for anybody. */
async function scaleChild({ client, world }: Applier, { child, replicas }: Of<'scaleChild'>): Promise<void> {
  const path = paths.deployments.one(child.namespace, child.name, 'scale');
  const { resourceVersion } = child;
  const body = { ...(replicas < child.replicas && { metadata: { resourceVersion } }), spec: { replicas } };
  const reply = await client.mergePatch<KubeObject>(path, body);
  world.deployments.observeView(child.namespace, withScale(child, replicas, reply.metadata.resourceVersion));
}

/** A merge patch, not an apply: while a newer template is refused the last good one must still be able to go on. */
async function resumeChild({ client, world }: Applier, { child, replicas }: Of<'resumeChild'>): Promise<void> {
  const path = paths.deployments.one(child.namespace, child.name);
  const { uid, resourceVersion } = child;
  const body = { metadata: { uid, resourceVersion }, spec: { paused: null, replicas } };
  world.deployments.observe(child.namespace, await client.mergePatch<KubeObject>(path, body));
}

/**
 * The hsd has drained: the garbage collector may have its child. One that was refused it in a foreground deletion asks
 * again after a long backoff only (83 s after a drain of 40 s); a child that blocks nothing lets the hsd go at once.
 */
async function releaseChild({ client, world }: Applier, hsd: HsdView, { child }: Of<'releaseChild'>): Promise<void> {
  const path = paths.deployments.one(child.namespace, child.name);
  const ownerReferences = [{ ...ownerReference(hsd), blockOwnerDeletion: false }];
  const body = { metadata: { uid: child.uid, annotations: { [DRAIN_ANNOTATION]: null }, ownerReferences } };
  world.deployments.observe(child.namespace, await client.mergePatch<KubeObject>(path, body));
}

async function applyChild(applier: Applier, hsd: HsdView, write: Of<'applyChild'>): Promise<void> {
  const { world } = applier;
  const path = paths.deployments.one(hsd.namespace, childName(hsd.name));
  if (write.takeOwnership) await takeOwnership(applier, path);
  const { child, takeOwnership: isForced } = write;
  // Its replicas go by what was seen: to another version of the child they may be fewer. Taking the ownership has just
  // made another version.
  const seen = child && { uid: child.uid, ...(!isForced && { resourceVersion: child.resourceVersion }) };
  const { metadata } = write.manifest;
  const taken = isForced && { annotations: { ...metadata.annotations, [OWNERSHIP_ANNOTATION]: 'taken' } };
  const body = { ...write.manifest, metadata: { ...metadata, ...taken, ...seen } };
  try {
    world.deployments.observe(hsd.namespace, await applyKnownFields(applier, path, body));
  } catch (error) {
    throw isRefusal(error) ? new ChildRefused(reasonOf(error), error.message) : error;
  }
}

/**
 * A Deployment created the plain way, as the original operator did, drops the fields this Kubernetes does not know;
 * server-side apply fails on them. So the API server is asked what it would keep, and that is applied.
 */
async function applyKnownFields({ client, warn }: Applier, path: string, body: ChildManifest): Promise<KubeObject> {
  try {
    return await client.apply<KubeObject>(path, body, { force: true });
  } catch (error) {
    if (!(error instanceof ApiError && isUntyped(error))) throw error;
    const { namespace, name } = body.metadata;
    const trial = { ...body, metadata: { generateName: `${name}-`, namespace } };
    const query = { dryRun: 'All', fieldValidation: 'Ignore' };
    const kept = await client.create<{ spec: { template: unknown } }>(paths.deployments.list(namespace), trial, {
      query,
    });
    const known = { ...body, spec: { ...body.spec, template: kept.spec.template } };
    const reply = await client.apply<KubeObject>(path, known, { force: true });
    warn('UnknownFields', `left out of the Pod template what this Kubernetes does not know: ${error.message}`);
    return reply;
  }
}

/**
 * Server-side apply alone would leave behind every field only somebody else owns. From here on the edit no longer shows
 * in managedFields, so the annotation says that it is still there until the apply that undoes it says otherwise.
 */
async function takeOwnership({ client }: Applier, path: string): Promise<void> {
  const live = await client.get<KubeObject>(path);
  const { resourceVersion, managedFields = [] } = live.metadata;
  const annotations = { [OWNERSHIP_ANNOTATION]: 'taking' };
  const body = { metadata: { resourceVersion, annotations, managedFields: takeSpec(managedFields, 'apps/v1') } };
  await client.mergePatch(path, body);
}

function isRefusal(error: unknown): error is ApiError {
  if (!(error instanceof ApiError) || isOutdated(error)) return false;
  const isTerminating = error.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating');
  return !isTerminating && (isInvalid(error) || isForbidden(error) || error.code === 400);
}

/** A field this Kubernetes does not know, or one of another type: server-side apply answers 500 to it, not 422. */
function isUntyped(error: ApiError): boolean {
  return error.code === 500 && error.message.startsWith('failed to create typed patch object');
}

function reasonOf(error: ApiError): string {
  return error.reason === '' ? 'Refused' : error.reason;
}

async function markPod(
  { client, world }: Applier,
  { pod, labels, annotations, guarded }: Of<'markPod'>,
): Promise<void> {
  const precondition = guarded ? { uid: pod.uid, resourceVersion: pod.resourceVersion } : { uid: pod.uid };
  const body = { metadata: { ...precondition, labels, annotations } };
  const path = paths.pods.one(pod.namespace, pod.name);
  world.pods.observe(pod.namespace, await client.mergePatch<KubeObject>(path, body));
}

async function patchReplicaSet(
  { client, world }: Applier,
  { namespace, name, uid, resourceVersion }: Of<'ownReplicaSet'>['replicaSet'],
  metadata: Record<string, unknown>,
): Promise<void> {
  const body = { metadata: { uid, resourceVersion, ...metadata } };
  const reply = await client.mergePatch<KubeObject>(paths.replicaSets.one(namespace, name), body);
  world.replicaSets.observe(namespace, reply);
}

/** With the mark the garbage collector waits for its sessions, as it does for the child's. */
function ownReplicaSet(applier: Applier, hsd: HsdView, { replicaSet }: Of<'ownReplicaSet'>): Promise<void> {
  const finalizers = [...new Set([...replicaSet.finalizers, RETIRE_FINALIZER])];
  const mark = drains(hsd) && { annotations: { [DRAIN_ANNOTATION]: 'true' } };
  return patchReplicaSet(applier, replicaSet, { ownerReferences: [ownerReference(hsd)], finalizers, ...mark });
}

/** Its finalizer holds it, and resourceVersion makes sure of that: the garbage collector leaves its Pods alone. */
async function deleteReplicaSet({ client, world }: Applier, { replicaSet }: Of<'deleteReplicaSet'>): Promise<void> {
  const { namespace, name, uid, resourceVersion } = replicaSet;
  const path = paths.replicaSets.one(namespace, name);
  await observeDeletion(world.replicaSets, namespace, () =>
    client.delete<KubeObject>(path, { uid, resourceVersion, propagationPolicy: 'Background' }),
  );
}

/** Takes our finalizer off a ReplicaSet: one that is being deleted is gone then, and with it what Pods it still owns. */
export async function releaseReplicaSet(applier: Applier, replicaSet: ReplicaSetView): Promise<void> {
  const finalizers = replicaSet.finalizers.filter((finalizer) => finalizer !== RETIRE_FINALIZER);
  await patchReplicaSet(applier, replicaSet, { finalizers, annotations: { [DRAIN_ANNOTATION]: null } });
}

async function ownPod({ client, world }: Applier, hsd: HsdView, { pod }: Of<'ownPod'>): Promise<void> {
  const { uid, resourceVersion } = pod;
  const drain = drains(hsd) && { annotations: { [DRAIN_ANNOTATION]: 'true' } };
  const body = { metadata: { uid, resourceVersion, ownerReferences: [ownerReference(hsd)], ...drain } };
  const path = paths.pods.one(pod.namespace, pod.name);
  world.pods.observe(pod.namespace, await client.mergePatch<KubeObject>(path, body));
}

/** A Pod that turned busy since it was read has another resourceVersion: 409, and it lives. */
async function deletePod({ client, world }: Applier, { pod }: Of<'deletePod'>): Promise<void> {
  const { uid, resourceVersion } = pod;
  const path = paths.pods.one(pod.namespace, pod.name);
  await observeDeletion(world.pods, pod.namespace, () => client.delete<KubeObject>(path, { uid, resourceVersion }));
}
