import type { ReplicaSetView } from '../decide/model';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import type { WriteContext } from './applier';

/** Of the very version that was seen. */
export async function patchReplicaSet(
  { client, world }: WriteContext,
  { namespace, name, uid, resourceVersion }: ReplicaSetView,
  metadata: Record<string, unknown>,
): Promise<void> {
  const body = { metadata: { uid, resourceVersion, ...metadata } };
  const reply = await client.mergePatch<KubeObject>(paths.replicaSets.one(namespace, name), body);
  world.replicaSets.observe(namespace, reply);
}
