import type { HotStandbyStatus } from '../../src/api/types';
import type { HsdView } from '../decide/model';
import { isNotFound } from '../kube/errors';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import type { WriteContext } from './applier';

/** Writes the whole status. The uid keeps it off a new hsd of the same name; one that is gone is no error. */
export async function writeStatus(
  { client, world }: WriteContext,
  hsd: HsdView,
  status: HotStandbyStatus,
): Promise<void> {
  const path = paths.hsds.one(hsd.namespace, hsd.name, 'status');
  try {
    const reply = await client.mergePatch<KubeObject>(path, { metadata: { uid: hsd.uid }, status });
    world.hsds.observe(hsd.namespace, reply);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
