import type { KubeObject } from '../../../operator/kube/types';
import type { DemoApp } from '../../../tools/demo/manifests';
import { type DemoPod, Model } from '../../../tools/demo/model';
import { Sessions } from '../../../tools/demo/sessions';
import { anHsd, aPod } from '../decide/builders';
import { FakeClock } from '../support/fake-clock';

const ROOMS: DemoApp = { name: 'rooms', sessions: 'annotation', objects: [] };

/** An hsd with the named idle Pods; those in `dying` are deleted before a mark reaches them. */
function aScene(pods: readonly string[], dying: readonly string[] = []) {
  const model = new Model();
  model.applyHsd({ current: anHsd() });
  for (const uid of pods) model.applyPod({ current: { ...aPod(uid).build(), template: '1' } }, 0);
  const written: { path: string; body: unknown }[] = [];
  const client = {
    mergePatch: async <T>(path: string, body: unknown): Promise<T> => {
      written.push({ path, body });
      const name = path.split('/').at(-1) ?? '';
      const deletionTimestamp = dying.includes(name) ? '2026-01-01T00:00:00Z' : undefined;
      const reply: KubeObject = { metadata: { name, uid: name, resourceVersion: '2', deletionTimestamp } };
      return reply as T;
    },
  };
  const observePod = ({ metadata }: KubeObject): void => {
    const view = aPod(metadata.uid).with({ deleting: metadata.deletionTimestamp !== undefined });
    model.applyPod({ current: { ...view.build(), template: '1' } }, 0);
  };
  const options = { client, model, apps: [ROOMS], observePod, clock: new FakeClock(), random: () => 0 };
  return { model, written, sessions: new Sessions(options) };
}

const podOf = (model: Model, uid: string): DemoPod => model.pod(uid) as DemoPod;

test('a session is a busy mark on the very Pod that was chosen', async () => {
  const { sessions, written } = aScene(['a']);
  await expect(sessions.start('rooms')).resolves.toMatchObject({ pod: { uid: 'a' } });
  expect(written).toEqual([
    {
      path: '/api/v1/namespaces/default/pods/a',
      body: { metadata: { uid: 'a', annotations: { 'paia.tech/busy': 'true' } } },
    },
  ]);
});

test('a Pod that is being deleted takes no session: the next one does', async () => {
  const { sessions } = aScene(['a', 'b'], ['a']);
  await expect(sessions.start('rooms')).resolves.toMatchObject({ pod: { uid: 'b' } });
});

test('three Pods that refuse are enough, and the last one says why', async () => {
  const { sessions, written } = aScene(['a', 'b', 'c', 'd'], ['a', 'b', 'c', 'd']);
  await expect(sessions.start('rooms')).rejects.toThrow('c: is being deleted');
  expect(written).toHaveLength(3);
});

test('without an idle Pod nothing is written and the message says what to do', async () => {
  const { sessions, written } = aScene([]);
  await expect(sessions.start('rooms')).rejects.toThrow(/no idle Pod is left: wait/);
  expect(written).toEqual([]);
});

test('sessions that start at the same time get a Pod each', async () => {
  const { sessions } = aScene(['a', 'b', 'c']);
  const started = await Promise.all(['rooms', 'rooms', 'rooms'].map((hsd) => sessions.start(hsd)));
  expect(started.map(({ pod }) => pod.uid).sort()).toEqual(['a', 'b', 'c']);
});

test('a session ends by taking the mark off', async () => {
  const { sessions, model, written } = aScene(['a']);
  await sessions.start('rooms');
  await sessions.end('rooms', podOf(model, 'a'));
  expect(written.at(-1)?.body).toEqual({ metadata: { uid: 'a', annotations: { 'paia.tech/busy': null } } });
  await expect(sessions.end('rooms')).rejects.toThrow('no session to end');
});

test('the target never goes below 0', async () => {
  const { sessions, written } = aScene([]);
  await expect(sessions.changeTarget('rooms', -5)).resolves.toBe(0);
  expect(written).toEqual([
    { path: expect.stringContaining('/hotstandbydeployments/rooms'), body: { spec: { idleTarget: 0 } } },
  ]);
});

test('a template without a number counts as the first', async () => {
  const { sessions } = aScene([]);
  await expect(sessions.changeTemplate('rooms')).resolves.toBe('2');
  await expect(sessions.changeTemplate('elsewhere')).rejects.toThrow('there is no hsd elsewhere');
});
