import { NAME_LABEL } from '../../src/api/names';
import type { HsdView, Orphan, PodView, ReplicaSetView } from '../decide/model';
import { isOrphan } from '../decide/orphans';
import type { ApiReader } from '../kube/api';
import { isNotFound } from '../kube/errors';
import { listAll } from '../kube/pages';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import { type PodObject, projectPod } from './project';
import type { World } from './world';

/**
 * Orphaned ReplicaSets of an hsd's name that can be let go of now. The API server is asked, not the cache alone: whose
 * hsd is there after all keeps its ReplicaSets, and who is let go of too early takes its Pods along.
 *
 * @param hsd the one of that name there is now
 */
export async function findOrphans(
  client: ApiReader,
  world: { replicaSets: Pick<World['replicaSets'], 'of'> },
  key: string,
  hsd: HsdView | undefined,
): Promise<Orphan[]> {
  const [, name = ''] = key.split('/');
  const orphans: Orphan[] = [];
  for (const replicaSet of world.replicaSets.of(key)) {
    if (!isOrphan(replicaSet, hsd)) continue;
    if (replicaSet.controller === undefined) {
      // Until its controller knows of the deletion it would make a disowned Pod anew.
      if (replicaSet.deleting && !replicaSet.observed) continue;
      orphans.push({ replicaSet, pods: replicaSet.deleting ? await podsOf(client, name, replicaSet) : [] });
    } else if (await isOwnerGone(client, name, replicaSet)) {
      // The garbage collector may have its Pods, as it has had everything else of that hsd.
      orphans.push({ replicaSet, pods: [] });
    }
  }
  return orphans;
}

async function isOwnerGone(
  client: ApiReader,
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

async function podsOf(client: ApiReader, name: string, { namespace, uid }: ReplicaSetView): Promise<PodView[]> {
  const labelSelector = `${NAME_LABEL}=${name}`;
  const objects = await listAll<PodObject>(client, paths.pods.list(namespace), { labelSelector });
  return objects
    .filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid))
    .map((object) => projectPod(object));
}
