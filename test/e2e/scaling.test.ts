import { paths } from '../../operator/kube/paths';
import {
  DELETION_COST_ANNOTATION,
  DO_NOT_DISRUPT_ANNOTATION,
  SAFE_TO_EVICT_ANNOTATION,
  STATE_LABEL,
} from '../../src/api/names';
import { consistently, eventually } from '../../tools/base/eventually';
import { OperatorProcess } from './support/operator';
import { BusyWatch, Scene } from './support/scene';

jest.setTimeout(120_000);

describe('annotation mode on a real control plane', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  beforeAll(async () => {
    scene = await Scene.open('scaling');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.close();
  });

  it('keeps busy + idleTarget Pods, within maxReplicas, and says so after every step', async () => {
    const sessions = new BusyWatch(scene);
    await scene.createHsd('rooms', { maxReplicas: 6 });
    await scene.childAt('rooms', 3);
    const first = await scene.settledAt(3);
    const hsd = await scene.status('rooms', {
      busyCount: 0,
      idleCount: 3,
      availableCount: 3,
      desiredReplicas: 3,
      replicas: 3,
      readyReplicas: 3,
    });
    expect(hsd.status?.observedGeneration).toBe(hsd.metadata.generation);
    await scene.condition('rooms', 'Ready', 'True');
    await scene.condition('rooms', 'IdleTargetMet', 'True');

    for (const pod of first.slice(0, 2)) await sessions.start(pod);
    await scene.childAt('rooms', 5);
    await scene.status('rooms', { busyCount: 2, idleCount: 3, availableCount: 3, desiredReplicas: 5, replicas: 5 });

    for (const pod of (await scene.settledAt(5))
      .filter((p) => !first.slice(0, 2).some((f) => f.metadata.uid === p.metadata.uid))
      .slice(0, 2)) {
      await sessions.start(pod);
    }
    await scene.childAt('rooms', 6);
    await scene.status('rooms', { busyCount: 4, desiredReplicas: 6, availableCount: 2 });
    const limited = await scene.condition('rooms', 'ScalingLimited', 'True');
    expect(limited.reason).toBe('TooManyReplicas');
    expect((await scene.condition('rooms', 'IdleTargetMet', 'False')).reason).toBe('MaxReplicasReached');
    await scene.condition('rooms', 'Ready', 'True');

    for (const pod of (await scene.pods(`${STATE_LABEL}=busy`)).slice(0, 3)) await sessions.end(pod);
    await scene.childAt('rooms', 4);
    await scene.settledAt(4);
    await scene.status('rooms', {
      busyCount: 1,
      idleCount: 3,
      availableCount: 3,
      drainingCount: 0,
      desiredReplicas: 4,
    });
    expect(await sessions.lost()).toEqual([]);

    for (const pod of await scene.pods(`${STATE_LABEL}=busy`)) await sessions.end(pod);
    await scene.childAt('rooms', 3);
    await scene.settledAt(3);
    await scene.status('rooms', { busyCount: 0, availableCount: 3, desiredReplicas: 3 });
    const events = (await scene.events('rooms')).map((event) => event.reason);
    expect(events).toEqual(expect.arrayContaining(['ChildCreated', 'ScaledUp', 'ScaledDown']));
  });

  it('marks Pods so that ReplicaSets, autoscalers and Services know their state', async () => {
    await scene.createHsd('marks', { idleTarget: 1, maxReplicas: 1, selector: { matchLabels: { app: 'marks' } } });
    const [pod] = await scene.settledAt(1, 'app=marks');
    await eventually(async () => expect(await scene.pods(`app=marks,${STATE_LABEL}=idle`)).toHaveLength(1));
    await scene.setBusy(pod as never, 'TRUE');
    await eventually(async () => {
      const busy = await scene.pod(pod?.metadata.name ?? '');
      expect(busy.metadata.labels).toMatchObject({ [STATE_LABEL]: 'busy' });
      expect(busy.metadata.annotations).toMatchObject({
        [DELETION_COST_ANNOTATION]: '1000',
        [SAFE_TO_EVICT_ANNOTATION]: 'false',
        [DO_NOT_DISRUPT_ANNOTATION]: 'true',
      });
    });
    await scene.setBusy(pod as never, null);
    await eventually(async () => {
      const idle = await scene.pod(pod?.metadata.name ?? '');
      expect(idle.metadata.labels).toMatchObject({ [STATE_LABEL]: 'idle' });
      expect(Object.keys(idle.metadata.annotations ?? {})).not.toContain(SAFE_TO_EVICT_ANNOTATION);
    });
  });

  it('writes nothing while nothing changes', async () => {
    await scene.createHsd('rest', { idleTarget: 2, selector: { matchLabels: { app: 'rest' } } });
    await scene.status('rest', { availableCount: 2 });
    const fingerprint = async (): Promise<string[]> => {
      const pods = (await scene.pods('app=rest')).map((pod) => `${pod.metadata.name}@${pod.metadata.resourceVersion}`);
      return [
        ...pods.sort(),
        (await scene.hsd('rest')).metadata.resourceVersion,
        (await scene.child('rest')).metadata.resourceVersion,
      ];
    };
    // The Deployment controller reports progress for a moment; at rest means: two looks in a row are the same.
    const settled = await eventually(async () => {
      const before = await fingerprint();
      await consistently(async () => expect(await fingerprint()).toEqual(before), 1_000);
      return before;
    });
    await consistently(async () => expect(await fingerprint()).toEqual(settled), 3_000);
  });

  it('corrects a third party that scales the child, at once and both ways', async () => {
    await scene.createHsd('third', { idleTarget: 3, selector: { matchLabels: { app: 'third' } } });
    await scene.settledAt(3, 'app=third');
    const path = paths.deployments.one(scene.namespace, 'third-workload', 'scale');
    await scene.api.mergePatch(path, { spec: { replicas: 1 } });
    await scene.childAt('third', 3);
    await scene.settledAt(3, 'app=third');
    await scene.api.mergePatch(path, { spec: { replicas: 7 } });
    await scene.childAt('third', 3);
    await scene.settledAt(3, 'app=third');
  });
});
