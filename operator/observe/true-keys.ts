import type { HsdView, PodView, ReplicaSetView } from '../decide/model';
import { busyKeyOf } from '../decide/pods';
import { templateHash } from '../decide/template';

/**
 * Which annotation says busy stands on the Pod itself, where its app can drop it (one that replaces its annotations by
 * the busy one would be taken for a Pod that HTTP probes tell about), and where a template that was copied from a running
 * child can forge it. What the Pod was started with is known from elsewhere: by the fingerprint of its template, by its
 * ReplicaSet, or from when it was seen before.
 */
export function withTrueKeys(
  hsd: HsdView,
  pods: readonly PodView[],
  replicaSets: readonly ReplicaSetView[],
): readonly PodView[] {
  const hash = templateHash(hsd);
  const key = busyKeyOf(hsd.spec);
  const others = new Map(replicaSets.map((rs) => [rs.uid, rs.templateHash === hash ? key : rs.templateKeys.busyKey]));
  const trueKeyOf = (pod: PodView): string | undefined => {
    if (pod.templateHash === hash) return key;
    return pod.busyKey ?? others.get(pod.controller?.uid ?? '');
  };
  const isTrue = (pod: PodView): boolean => pod.busyKey === trueKeyOf(pod);
  if (pods.every(isTrue)) return pods;
  return pods.map((pod) => (isTrue(pod) ? pod : withKey(pod, trueKeyOf(pod))));
}

/** A Pod that was seen with its key has it still. */
export function keepKey(current: PodView, previous: PodView | undefined): PodView {
  if (current.busyKey !== undefined || previous?.busyKey === undefined) return current;
  return withKey(current, previous.busyKey);
}

function withKey({ busyKey: _, ...pod }: PodView, busyKey: string | undefined): PodView {
  return { ...pod, ...(busyKey !== undefined && { busyKey }), untrueKey: true };
}
