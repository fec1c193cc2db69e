import { paths } from '../../../operator/kube/paths';
import { NAME_LABEL, STATE_LABEL } from '../../../src/api/names';
import { guardManifests } from '../../../src/install/guard';
import { tryKubectl } from '../support/kubectl';
import type { Pod, Scene } from '../support/scene';
import { patiently } from './patiently';
import { pause } from './session-loop';
import { imageOf, type Stand } from './stand';

const SCHEDULER = 'system:kube-scheduler';
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';
const PRIORITIES = '/apis/scheduling.k8s.io/v1/priorityclasses';
/** More than the idle Pods of a stand and the room on its node: the scheduler has to look at the busy ones. */
const INTRUDERS = 8;

/** What preemption needs outside the namespace. */
export class Preemption {
  private constructor(
    private readonly scene: Scene,
    private readonly isGuarded: boolean,
  ) {}

  /** @param guarded the scheduler is a user of the guard in this namespace, as `guardedUsers` would have it */
  static async open(scene: Scene, guarded: boolean): Promise<Preemption> {
    const preemption = new Preemption(scene, guarded);
    await scene.api.create(PRIORITIES, {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: priorityOf(scene) },
      value: 1_000,
    });
    if (guarded) await preemption.guard();
    return preemption;
  }

  async close(): Promise<void> {
    const { api, namespace } = this.scene;
    await api.delete(`${PRIORITIES}/${priorityOf(this.scene)}`);
    if (!this.isGuarded) return;
    await api.delete(`${ADMISSION}/validatingadmissionpolicybindings/${namespace}`);
    await api.delete(`${ADMISSION}/validatingadmissionpolicies/${namespace}`);
  }

  /** Resolves when the API server goes by it: policies reach its cache a moment later. */
  private async guard(): Promise<void> {
    const { api, namespace } = this.scene;
    const input = { name: namespace, labels: {}, users: [SCHEDULER], namespaces: [namespace] };
    const { policy, binding } = guardManifests(input);
    await api.create(`${ADMISSION}/validatingadmissionpolicies`, policy);
    await api.create(`${ADMISSION}/validatingadmissionpolicybindings`, binding);
    await api.create(paths.pods.list(namespace), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'probe', labels: { [NAME_LABEL]: 'nobody', [STATE_LABEL]: 'busy' } },
      spec: { schedulerName: 'nobody', containers: [{ name: 'app', image: imageOf(1) }] },
    });
    const attempt = ['delete', 'pod', 'probe', '-n', namespace, '--dry-run=server', `--as=${SCHEDULER}`];
    await patiently(async () => expect((await tryKubectl(attempt)).stderr).toMatch(/probe is busy/));
    await api.delete(paths.pods.one(namespace, 'probe'), { gracePeriodSeconds: 0 });
  }
}

/** Pods of higher priority come one by one, until nothing is left to make room with but busy Pods. */
export async function preempt(stand: Stand): Promise<void> {
  const { api, namespace } = stand.scene;
  const intruder = (index: number): Record<string, unknown> => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${stand.name}-intruder-${index}` },
    spec: {
      ...stand.pod,
      priorityClassName: priorityOf(stand.scene),
      containers: [{ name: 'app', image: imageOf(1) }],
    },
  });
  for (let index = 0; index < INTRUDERS; index += 1) {
    // The API server looks for a new PriorityClass in a cache.
    await patiently(() => api.create(paths.pods.list(namespace), intruder(index)));
    await pause(200);
  }
  for (const pod of stand.ready) await patiently(() => expect(wasChosen(stand, pod)).toBe(true));
}

/** The scheduler says on the Pod that it wants it gone before it asks for that. */
function wasChosen(stand: Stand, { metadata }: Pod): boolean {
  const seen = stand.find(metadata.uid);
  if (seen === undefined || seen.metadata.deletionTimestamp !== undefined) return true;
  return seen.status?.conditions?.some((c) => c.type === 'DisruptionTarget' && c.status === 'True') ?? false;
}

function priorityOf(scene: Scene): string {
  return scene.namespace;
}
