import { paths } from '../../../operator/kube/paths';
import { kubectl } from '../support/kubectl';
import type { Ground } from './ground';
import { OwnNodes } from './nodes';
import { patiently } from './patiently';
import { Preemption, preempt } from './preemption';
import { Stand } from './stand';

/** What ends a busy Pod and is meant to: somebody says so, or the guard was not told to look. */
export interface Allowed {
  name: string;
  nodes?: { count: number; pods?: number };
  act: (stand: Stand) => Promise<unknown>;
}

export const ALLOWED: readonly Allowed[] = [
  {
    name: '`kubectl delete pod`',
    act: (stand) =>
      kubectl(['delete', 'pod', '-n', stand.scene.namespace, ...stand.ready.map(({ metadata }) => metadata.name)]),
  },
  { name: 'deleting the HotStandbyDeployment', act: (stand) => stand.close() },
  {
    name: 'preemption, scheduler not guarded',
    nodes: { count: 1, pods: 8 },
    act: async (stand) => {
      const preemption = await Preemption.open(stand.scene, false);
      await preempt(stand);
      await preemption.close();
    },
  },
  {
    name: 'deleting the namespace',
    act: (stand) => stand.scene.api.delete(`/api/v1/namespaces/${stand.scene.namespace}`),
  },
];

/** Resolves when the busy Pod of a stand is gone. */
export async function endBusyPod({ nodes, act }: Allowed, name: string, ground: Ground): Promise<void> {
  const own = nodes && (await OwnNodes.open(ground.scene, name, nodes.count, nodes.pods));
  const stand = await Stand.open({ ground, name, mode: 'annotation', nodes: own });
  const { metadata } = await stand.occupy('ready');
  await act(stand);
  await patiently(async () => {
    expect(await stand.scene.exists(paths.pods.one(stand.scene.namespace, metadata.name))).toBe(false);
  });
  await own?.close();
}
