import { randomBytes } from 'node:crypto';
import { paths } from '../../operator/kube/paths';
import { MARKS } from '../../src/api/marks';
import {
  CLAIMED_BY_ANNOTATION,
  DELETION_COST_ANNOTATION,
  DO_NOT_DISRUPT_ANNOTATION,
  NAME_LABEL,
  SAFE_TO_EVICT_ANNOTATION,
  SESSION_ANNOTATION,
  STATE_LABEL,
} from '../../src/api/names';
import { marksManifests } from '../../src/install/marks';
import { consistently, eventually } from '../../tools/base/eventually';
import { metricValue } from '../../tools/base/metric-value';
import { OperatorProcess } from './support/operator';
import { addPolicy, type PolicyManifests, removePolicy } from './support/policies';
import { type Pod, Scene } from './support/scene';

jest.setTimeout(180_000);

const MARK_KEYS = Object.keys(MARKS.busy);

function marksOf(pod: Pod): Record<string, string | undefined> {
  const { labels = {}, annotations = {} } = pod.metadata;
  const marks = MARK_KEYS.filter((key) => key in annotations).map((key) => [key, annotations[key]]);
  return { state: labels[STATE_LABEL], ...Object.fromEntries(marks) };
}

const BUSY = {
  state: 'busy',
  [DELETION_COST_ANNOTATION]: '1000',
  [SAFE_TO_EVICT_ANNOTATION]: 'false',
  [DO_NOT_DISRUPT_ANNOTATION]: 'true',
};
const IDLE = { state: 'idle' };
const CUSTOM_KEY = 'games.example/in-use';

describe('the marks policy', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  let manifests: PolicyManifests;

  beforeAll(async () => {
    scene = await Scene.open('mark');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    manifests = marksManifests({
      name: `marks-${randomBytes(3).toString('hex')}`,
      labels: {},
      namespaces: [scene.namespace],
    });
    // maxReplicas: nothing scales in this test, so that every Pod patch of the operator would be a mark.
    await scene.createHsd('rooms', { idleTarget: 2, maxReplicas: 2 });
    await scene.createHsd('custom', {
      idleTarget: 1,
      maxReplicas: 1,
      selector: { matchLabels: { app: 'custom' } },
      busyProbe: { mode: 'annotation', annotationKey: CUSTOM_KEY },
    });
    await scene.createHsd('probed', {
      idleTarget: 1,
      maxReplicas: 1,
      selector: { matchLabels: { app: 'probed' } },
      busyProbe: { mode: 'http' },
    });
    await idlePods('app=rooms', 2);
    await idlePods('app=custom', 1);
    await addPolicy(scene, manifests);
    await eventually(async () => {
      const [pod] = await scene.pods('app=rooms');
      const patch = { metadata: { annotations: { 'paia.tech/busy': 'true' } } };
      const path = paths.pods.one(scene.namespace, pod?.metadata.name ?? '');
      expect(marksOf(await scene.api.mergePatch<Pod>(path, patch, { query: { dryRun: 'All' } }))).toEqual(BUSY);
    });
  });
  afterAll(async () => {
    if (manifests) await removePolicy(scene, manifests);
    await operator?.stop();
    await scene?.close();
  });

  async function idlePods(selector: string, count: number): Promise<Pod[]> {
    return eventually(async () => {
      const pods = await scene.readyPods(`${selector},${STATE_LABEL}=idle`);
      expect(pods).toHaveLength(count);
      return pods;
    });
  }

  async function onePod(selector: string): Promise<Pod> {
    const [pod] = await scene.pods(selector);
    if (pod === undefined) throw new Error(`no Pod ${selector}`);
    return pod;
  }

  async function patch(pod: Pod, metadata: Record<string, unknown>): Promise<Pod> {
    return scene.api.mergePatch<Pod>(paths.pods.one(scene.namespace, pod.metadata.name), { metadata });
  }

  /** Pod patches the operator has sent so far. */
  async function operatorPodPatches(): Promise<number> {
    const { text } = await operator.ask('/metrics');
    return metricValue(text, 'hotstandby_api_requests_total', { verb: 'patch', resource: 'pods' }) ?? 0;
  }

  it('answers the busy write with every mark and the idle write with none, and leaves the operator nothing to write', async () => {
    const before = await operatorPodPatches();
    const pod = await onePod('app=rooms');
    for (let round = 0; round < 5; round += 1) {
      expect(marksOf(await scene.setBusy(pod))).toEqual(BUSY);
      await scene.status('rooms', { busyCount: 1 });
      expect(marksOf(await scene.setBusy(pod, round % 2 === 0 ? null : 'false'))).toEqual(IDLE);
      await scene.status('rooms', { busyCount: 0 });
    }
    expect(await operatorPodPatches()).toBe(before);
  });

  it('takes the record of a claim away with the mark that its app clears, and with nothing else', async () => {
    const pod = await onePod('app=rooms');
    const record = { [SESSION_ANNOTATION]: 's-1', [CLAIMED_BY_ANNOTATION]: 'lobby' };
    const recordOf = ({ metadata: { annotations = {} } }: Pod): string[] =>
      Object.keys(record).filter((key) => key in annotations);
    await patch(pod, { annotations: { ...record, 'paia.tech/busy': 'true' } });
    expect(recordOf(await patch(pod, { annotations: { other: 'y' } }))).toHaveLength(2);
    expect(recordOf(await scene.setBusy(pod, null))).toEqual([]);
  });

  it('keeps what says whose the Pod is and which key says busy, when the app replaces all of its metadata', async () => {
    const pod = await onePod('app=custom');
    const { labels = {}, annotations = {} } = pod.metadata;
    const replace = (field: string, value: Record<string, string>): Promise<Pod> =>
      scene.api.jsonPatch<Pod>(paths.pods.one(scene.namespace, pod.metadata.name), [
        { op: 'add', path: `/metadata/${field}`, value },
      ]);
    const own = Object.fromEntries(Object.entries(annotations).filter(([key]) => key.startsWith('hsd.paia.tech/')));
    const busy = await replace('annotations', { [CUSTOM_KEY]: 'true' });
    expect(marksOf(busy)).toEqual(BUSY);
    expect(busy.metadata.annotations).toMatchObject({ ...own, [CUSTOM_KEY]: 'true' });
    expect(Object.keys(own)).toHaveLength(2);

    // Its own labels would be gone, too, and with them its ReplicaSet: the selector's are not ours to keep.
    const { app = '' } = labels;
    expect((await replace('labels', { app })).metadata.labels).toMatchObject({ [NAME_LABEL]: 'custom', app });
    // Its successor carries the same label: by name.
    expect(marksOf(await scene.pod(pod.metadata.name))).toEqual(BUSY);
    const forged = await patch(pod, { labels: { [NAME_LABEL]: 'rooms' } });
    expect(forged.metadata.labels).toMatchObject({ [NAME_LABEL]: 'custom' });

    const idle = await replace('annotations', {});
    expect(marksOf(idle)).toEqual(IDLE);
    expect(idle.metadata.annotations).toEqual(own);
  });

  it('knows the key of each Pod, and "true" in any letter case', async () => {
    // Whom the test before made one too many is gone then.
    const [custom] = (await scene.settledAt(1, 'app=custom')) as [Pod];
    expect(marksOf(await scene.setBusy(custom, 'TRUE'))).toEqual(IDLE);
    expect(marksOf(await scene.setBusy(custom, 'tRue', CUSTOM_KEY))).toEqual(BUSY);
    expect(marksOf(await scene.setBusy(custom, 'no', CUSTOM_KEY))).toEqual(IDLE);
  });

  it.each(['starting', 'draining'] as const)('makes a Pod that is %s busy: busy wins', async (state) => {
    await operator.stop();
    const pod = await onePod('app=rooms');
    const marks = Object.fromEntries(Object.entries(MARKS[state]).filter(([, value]) => value !== null));
    await patch(pod, { labels: { [STATE_LABEL]: state }, annotations: marks });
    expect(marksOf(await scene.setBusy(pod))).toEqual(BUSY);
    expect(marksOf(await scene.setBusy(pod, null))).toEqual(IDLE);
    operator = await OperatorProcess.start({ namespace: scene.namespace });
  });

  it('leaves marks alone that somebody else wrote, and a state that was not busy', async () => {
    await operator.stop();
    const pod = await onePod('app=rooms');
    await scene.setBusy(pod);
    await patch(pod, { labels: { [STATE_LABEL]: 'draining' }, annotations: { [DELETION_COST_ANNOTATION]: '7' } });
    expect(marksOf(await scene.setBusy(pod, null))).toEqual({ state: 'draining', [DELETION_COST_ANNOTATION]: '7' });
    await patch(pod, { labels: { [STATE_LABEL]: 'idle' }, annotations: { [DELETION_COST_ANNOTATION]: null } });
    operator = await OperatorProcess.start({ namespace: scene.namespace });
  });

  it('does not touch a write that does not flip busy', async () => {
    await operator.stop();
    const pod = await onePod('app=rooms');
    const wrong = { state: 'starting', [DELETION_COST_ANNOTATION]: '5' };
    const metadata = { labels: { [STATE_LABEL]: 'starting' }, annotations: { [DELETION_COST_ANNOTATION]: '5' } };
    expect(marksOf(await patch(pod, metadata))).toEqual(wrong);
    expect(marksOf(await patch(pod, { annotations: { 'paia.tech/busy': 'maybe', other: 'x' } }))).toEqual(wrong);
    await scene.setBusy(pod);
    expect(marksOf(await patch(pod, metadata))).toMatchObject(wrong);
    expect(marksOf(await patch(pod, { annotations: { 'paia.tech/busy': 'True' } }))).toMatchObject(wrong);
    await scene.setBusy(pod, null);
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    await idlePods('app=rooms', 2);
  });

  it('does not touch the Pods of an hsd in http mode', async () => {
    const pod = await eventually(() => onePod('app=probed'));
    const before = marksOf(pod);
    expect(marksOf(await scene.setBusy(pod))).toEqual(before);
    await consistently(async () => expect(marksOf(await scene.pod(pod.metadata.name))).not.toMatchObject(BUSY), 500);
  });
});
