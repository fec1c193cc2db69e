import { DRAIN_ANNOTATION, NAME_LABEL, RETIRE_FINALIZER } from '../../src/api/names';
import type { HsdView, Write } from '../decide/model';
import { drains, ownerReference } from '../decide/template';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import { type Applier, type Of, observeDeletion } from './applier';
import { writeBudget } from './budget';
import { applyChild, releaseChild, resumeChild } from './child';
import { addFinalizer, removeFinalizer } from './finalizer';
import { writeOrphan } from './orphans';
import { patchReplicaSet } from './replica-set';
import { scaleChild } from './scale';

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
    case 'endSession':
      return markPod(applier, { ...write, unchangedOnly: true });
    case 'labelReplicaSet':
      return patchReplicaSet(applier, write.replicaSet, { labels: { [NAME_LABEL]: write.hsd } });
    case 'ownReplicaSet':
      return ownReplicaSet(applier, hsd, write);
    case 'deleteReplicaSet':
      return deleteReplicaSet(applier, write);
    case 'disownPod':
    case 'releaseReplicaSet':
      return writeOrphan(applier, write);
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

async function markPod(
  { client, world }: Applier,
  { pod, labels, annotations, unchangedOnly }: Pick<Of<'markPod'>, 'pod' | 'labels' | 'annotations' | 'unchangedOnly'>,
): Promise<void> {
  const precondition = unchangedOnly ? { uid: pod.uid, resourceVersion: pod.resourceVersion } : { uid: pod.uid };
  const body = { metadata: { ...precondition, labels, annotations } };
  const path = paths.pods.one(pod.namespace, pod.name);
  world.pods.observe(pod.namespace, await client.mergePatch<KubeObject>(path, body));
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
