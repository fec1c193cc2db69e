import type { DeploymentObject, HsdObject, PodObject } from '../../../operator/observe/project';
import { childName, NAME_LABEL, STATE_LABEL } from '../../../src/api/names';
import { eventually } from '../../../tools/base/eventually';
import type { Shell } from './shell';

/**
 * An idle Pod that stays: waits until the pool `hsd`, which has no session, is at its size with nothing on its way in or
 * out. A Pod chosen earlier may be the one too many.
 */
export async function restingPod(shell: Shell, namespace: string, hsd: string): Promise<PodObject['metadata']> {
  const get = async <T>(what: string): Promise<T> =>
    JSON.parse(await shell.run(`kubectl get -n ${namespace} ${what} -o json`)) as T;
  return eventually(async () => {
    const { spec } = await get<HsdObject>(`hsd/${hsd}`);
    const child = await get<DeploymentObject>(`deployment/${childName(hsd)}`);
    const { items } = await get<{ items: PodObject[] }>(`pods -l ${NAME_LABEL}=${hsd}`);
    const size = Math.max(spec.idleTarget, spec.minReplicas ?? 0);
    expect(child.status?.observedGeneration).toBe(child.metadata.generation);
    expect(child.spec?.replicas).toBe(size);
    expect(items.map(({ metadata }) => metadata.labels?.[STATE_LABEL])).toEqual(Array(size).fill('idle'));
    expect(items.filter(({ metadata }) => metadata.deletionTimestamp !== undefined)).toEqual([]);
    const [pod] = items;
    if (pod === undefined) throw new Error(`${hsd} asks for no Pod`);
    return pod.metadata;
  });
}
