import { childName, KIND } from '../../src/api/names';
import type { HsdView, Observation, PodView, ReplicaSetView } from './model';

/**
 * What of the objects that carry the hsd's label is the hsd's: by their chain of owners, which nobody copies along with
 * labels. A copy of the child, or a StatefulSet whose template has our label, makes Pods that are neither counted, marked
 * nor ended. Where the chain cannot be followed yet (a ReplicaSet no watch has shown) a Pod is ours: it is protected then.
 */
export function ownObjects(observation: Observation): Observation {
  const { hsd } = observation;
  const foreign = observation.replicaSets.filter((rs) => isForeignReplicaSet(hsd, rs));
  const uids = new Set(foreign.map((rs) => rs.uid));
  const pods = observation.pods.filter((pod) => !isForeignPod(pod, uids));
  if (foreign.length === 0 && pods.length === observation.pods.length) return observation;
  return { ...observation, pods, replicaSets: observation.replicaSets.filter((rs) => !uids.has(rs.uid)) };
}

/** By name, not by uid: ReplicaSets of a child, or an hsd, that was deleted and made again hold sessions still. */
function isForeignReplicaSet(hsd: HsdView, { controller }: ReplicaSetView): boolean {
  if (controller === undefined || controller.kind === KIND) return false;
  return controller.kind !== 'Deployment' || controller.name !== childName(hsd.name);
}

function isForeignPod({ controller }: PodView, foreign: ReadonlySet<string>): boolean {
  if (controller === undefined || controller.kind === KIND) return false;
  return controller.kind !== 'ReplicaSet' || foreign.has(controller.uid);
}
