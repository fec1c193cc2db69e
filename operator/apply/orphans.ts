import { DRAIN_ANNOTATION, RETIRE_FINALIZER } from '../../src/api/names';
import type { OrphanWrite, PodView, ReplicaSetView } from '../decide/model';
import { isNotFound } from '../kube/errors';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import type { WriteContext } from './applier';
import { patchReplicaSet } from './replica-set';

export function writeOrphan(context: WriteContext, write: OrphanWrite): Promise<void> {
  return write.kind === 'disownPod' ? disownPod(context, write.pod) : releaseReplicaSet(context, write.replicaSet);
}

/** A Pod without owner outlives its ReplicaSet. */
async function disownPod({ client, world }: WriteContext, pod: PodView): Promise<void> {
  const { namespace, name, uid, resourceVersion } = pod;
  const body = { metadata: { uid, resourceVersion, ownerReferences: null } };
  world.pods.observe(namespace, await client.mergePatch<KubeObject>(paths.pods.one(namespace, name), body));
}

/** Takes our finalizer off a ReplicaSet: one that is being deleted is gone then, and with it what Pods it still owns. */
async function releaseReplicaSet(context: WriteContext, replicaSet: ReplicaSetView): Promise<void> {
  const finalizers = replicaSet.finalizers.filter((finalizer) => finalizer !== RETIRE_FINALIZER);
  try {
    await patchReplicaSet(context, replicaSet, { finalizers, annotations: { [DRAIN_ANNOTATION]: null } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
