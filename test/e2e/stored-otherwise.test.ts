import { paths } from '../../operator/kube/paths';
import { BUSY_KEY_ANNOTATION, childName, NAME_LABEL, STATE_LABEL } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { OperatorProcess } from './support/operator';
import { BusyWatch, Scene } from './support/scene';

jest.setTimeout(180_000);

const escaped = (key: string): string => key.replace('/', '~1');

describe('what is stored is not what was sent', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  let sessions: BusyWatch;

  beforeAll(async () => {
    scene = await Scene.open('stored');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    sessions = new BusyWatch(scene);
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.close();
  });

  it.each([
    ['the name of its hsd', 'name', 'labels', NAME_LABEL],
    ['the state', 'state', 'labels', STATE_LABEL],
    ['the key that says busy', 'key', 'annotations', BUSY_KEY_ANNOTATION],
  ])('brings %s back that somebody takes out of the child, and ends no busy Pod', async (_what, name, field, key) => {
    const app = `app=${name}`;
    await scene.createHsd(name, { idleTarget: 2, selector: { matchLabels: { app: name } } });
    const [first] = await scene.settledAt(2, app);
    if (first) await sessions.start(first);
    await scene.settledAt(3, app);

    const path = paths.deployments.one(scene.namespace, childName(name));
    await scene.api.jsonPatch(path, [{ op: 'remove', path: `/spec/template/metadata/${field}/${escaped(key)}` }]);
    await eventually(async () => {
      const { spec } = await scene.child(name);
      const metadata = spec?.template?.metadata as Record<string, Record<string, string>>;
      expect(spec?.paused).toBeFalsy();
      expect(metadata[field]).toHaveProperty([key]);
    });
    await eventually(async () => {
      const pods = await scene.pods(app);
      expect(pods).toHaveLength(3);
      for (const { metadata } of pods) expect(metadata.labels).toMatchObject({ [NAME_LABEL]: name });
      for (const { metadata } of pods) expect(metadata.annotations).toHaveProperty([BUSY_KEY_ANNOTATION]);
    });
    await scene.status(name, { busyCount: 1, availableCount: 2, replicas: 3 });
    await scene.patchHsd(name, { idleTarget: 0 });
    await scene.settledAt(1, app);
    expect(await sessions.lost()).toEqual([]);
  });
});
