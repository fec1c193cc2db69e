import type { HsdView } from '../decide/model';
import { isConflict, isInvalid, isNotFound } from '../kube/errors';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import type { Applier } from './applier';

/** The list is written whole: resourceVersion keeps another writer's finalizers. */
export async function addFinalizer({ client, world }: Applier, hsd: HsdView, finalizer: string): Promise<void> {
  const { namespace, name, uid, resourceVersion, finalizers } = hsd;
  const body = { metadata: { uid, resourceVersion, finalizers: [...finalizers, finalizer] } };
  world.hsds.observe(namespace, await client.mergePatch<KubeObject>(paths.hsds.one(namespace, name), body));
}

/** Only this one, at its place: whoever changed the list meanwhile makes the test fail, and the next pass tries again. */
export async function removeFinalizer({ client, world }: Applier, hsd: HsdView, finalizer: string): Promise<void> {
  const index = hsd.finalizers.indexOf(finalizer);
  const at = `/metadata/finalizers/${index}`;
  try {
    const reply = await client.jsonPatch<KubeObject>(paths.hsds.one(hsd.namespace, hsd.name), [
      { op: 'test', path: '/metadata/uid', value: hsd.uid },
      { op: 'test', path: at, value: finalizer },
      { op: 'remove', path: at },
    ]);
    world.hsds.observe(hsd.namespace, reply);
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error) && !isInvalid(error)) throw error;
  }
}
