import { NAME_LABEL, RETIRE_FINALIZER } from '../../src/api/names';
import type { HsdView, ReplicaSetView } from '../decide/model';
import { isNotFound } from '../kube/errors';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import type { Applier } from './applier';
import { releaseReplicaSet } from './apply';

/**
 * Takes our finalizer off ReplicaSets that were handed to an hsd which is gone, or which the garbage collector took from
 * it (`kubectl delete --cascade=orphan`): nobody else does, and a namespace would never go away.
 *
 * @param name of the hsd
 * @param hsd the one of that name there is now
 * @throws ApiError with 409 when one changed meanwhile, NotLeading
 */
export async function releaseStrays(
  applier: Applier,
  name: string,
  replicaSets: readonly ReplicaSetView[],
  hsd: HsdView | undefined,
): Promise<void> {
  const strays = replicaSets.filter(
    (rs) => rs.finalizers.includes(RETIRE_FINALIZER) && (rs.controller === undefined || rs.controller.uid !== hsd?.uid),
  );
  for (const stray of strays) {
    const isFree = await (stray.controller ? isOrphaned(applier, name, stray) : disown(applier, name, stray));
    if (!isFree) continue;
    await releaseReplicaSet(applier, stray).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
}

/** Its owner is really gone: the garbage collector may have its Pods, as it has had everything else of that hsd. */
async function isOrphaned(
  { client }: Applier,
  name: string,
  { namespace, controller }: ReplicaSetView,
): Promise<boolean> {
  try {
    const owner = await client.get<KubeObject>(paths.hsds.one(namespace, name));
    return owner.metadata.uid !== controller?.uid;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

/** Its Pods are meant to outlive it. Resolves with whether none of them belongs to it any more. */
async function disown(
  { client }: Applier,
  name: string,
  { namespace, uid, deleting, observed }: ReplicaSetView,
): Promise<boolean> {
  if (!deleting) return true;
  if (!observed) return false;
  const labelSelector = `${NAME_LABEL}=${name}`;
  const { items = [] } = await client.list<KubeObject>(paths.pods.list(namespace), { labelSelector });
  for (const { metadata } of items) {
    if (!metadata.ownerReferences?.some((owner) => owner.uid === uid)) continue;
    const body = { metadata: { uid: metadata.uid, resourceVersion: metadata.resourceVersion, ownerReferences: null } };
    await client.mergePatch(paths.pods.one(namespace, metadata.name), body);
  }
  return true;
}
