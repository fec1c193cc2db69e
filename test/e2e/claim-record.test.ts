import { paths } from '../../operator/kube/paths';
import {
  CLAIMED_AT_ANNOTATION,
  CLAIMED_BY_ANNOTATION,
  DEFAULT_BUSY_ANNOTATION,
  EXPIRES_AT_ANNOTATION,
  RECORD_ANNOTATIONS,
  SESSION_ANNOTATION,
  STATE_LABEL,
} from '../../src/api/names';
import { consistently, eventually } from '../../tools/base/eventually';
import { OperatorProcess } from './support/operator';
import { type Pod, Scene } from './support/scene';

jest.setTimeout(180_000);

describe('the record of a claim, written by hand', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  beforeAll(async () => {
    scene = await Scene.open('record');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    await scene.createHsd('rooms', { idleTarget: 2 });
    await scene.createHsd('probed', {
      idleTarget: 1,
      selector: { matchLabels: { app: 'probed' } },
      busyProbe: { mode: 'http' },
    });
    await scene.settledAt(2, 'app=rooms');
    await scene.settledAt(1, 'app=probed');
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.close();
  });

  async function record(pod: Pod, more: Record<string, string | null> = {}): Promise<void> {
    const annotations = {
      [SESSION_ANNOTATION]: `of-${pod.metadata.name}`,
      [CLAIMED_BY_ANNOTATION]: 'lobby',
      [CLAIMED_AT_ANNOTATION]: new Date().toISOString(),
      ...more,
    };
    await scene.api.mergePatch(paths.pods.one(scene.namespace, pod.metadata.name), { metadata: { annotations } });
  }

  async function onePod(selector: string): Promise<Pod> {
    return eventually(async () => {
      const [pod] = await scene.readyPods(`${selector},${STATE_LABEL}=idle`);
      if (pod === undefined) throw new Error(`no idle Pod ${selector}`);
      return pod;
    });
  }

  async function recordOf(pod: Pod): Promise<string[]> {
    const { annotations = {} } = (await scene.pod(pod.metadata.name)).metadata;
    return RECORD_ANNOTATIONS.filter((key) => key in annotations);
  }

  it('ends with its time: record, busy annotation and marks go, and the pool shrinks', async () => {
    const pod = await onePod('app=rooms');
    const end = new Date(Date.now() + 4_000).toISOString();
    await record(pod, { [EXPIRES_AT_ANNOTATION]: end, [DEFAULT_BUSY_ANNOTATION]: 'true' });
    await scene.status('rooms', { busyCount: 1, sessionCount: 1, desiredReplicas: 3 });
    await eventually(async () => expect(await recordOf(pod)).toEqual([]));
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(end));
    await scene.status('rooms', { busyCount: 0, sessionCount: 0, desiredReplicas: 2 });
    await eventually(async () => {
      const events = await scene.events('rooms');
      expect(events.map(({ reason }) => reason)).toContain('SessionExpired');
    });
  });

  it('goes on when it is renewed, as long as the hsd is paused, and when its time cannot be read', async () => {
    const pod = await onePod('app=rooms');
    await scene.patchHsd('rooms', { paused: true });
    await record(pod, { [EXPIRES_AT_ANNOTATION]: new Date(0).toISOString(), [DEFAULT_BUSY_ANNOTATION]: 'true' });
    await consistently(async () => expect(await recordOf(pod)).toContain(SESSION_ANNOTATION), 1_500);
    await record(pod, { [EXPIRES_AT_ANNOTATION]: 'never' });
    await scene.patchHsd('rooms', { paused: null });
    await scene.status('rooms', { sessionCount: 1 });
    await consistently(async () => expect(await recordOf(pod)).toContain(SESSION_ANNOTATION), 1_500);
  });

  it('is over when the app clears its mark: the operator takes it away', async () => {
    const pod = await onePod('app=rooms');
    await record(pod, { [DEFAULT_BUSY_ANNOTATION]: 'true' });
    await scene.setBusy(pod, null);
    await eventually(async () => expect(await recordOf(pod)).toEqual([]));
  });

  it('alone keeps a Pod in http mode, and is taken for busy before any probe is answered', async () => {
    const [pod] = await scene.readyPods('app=probed');
    if (pod === undefined) throw new Error('no Pod');
    await record(pod);
    await scene.status('probed', { busyCount: 1, unknownCount: 0 });
    await eventually(async () => {
      expect((await scene.pod(pod.metadata.name)).metadata.labels).toMatchObject({ [STATE_LABEL]: 'busy' });
    });
  });
});
