import { RETIRE_FINALIZER } from '../../src/api/names';
import type { HsdView, Orphan, OrphanWrite, ReplicaSetView } from './model';

/**
 * ReplicaSets with our finalizer that were handed to an hsd which is gone, or which the garbage collector took from it
 * (`kubectl delete --cascade=orphan`): nobody else takes the finalizer off, and a namespace would never go away.
 *
 * @param hsd the one of that name there is now
 */
export function isOrphan({ controller, finalizers }: ReplicaSetView, hsd: HsdView | undefined): boolean {
  return finalizers.includes(RETIRE_FINALIZER) && (controller === undefined || controller.uid !== hsd?.uid);
}

/** Its Pods first: those of one that is being deleted would go with it. */
export function orphanWrites(orphans: readonly Orphan[]): OrphanWrite[] {
  return orphans.flatMap(({ replicaSet, pods }) => [
    ...pods.map((pod): OrphanWrite => ({ kind: 'disownPod', pod })),
    { kind: 'releaseReplicaSet', replicaSet },
  ]);
}
