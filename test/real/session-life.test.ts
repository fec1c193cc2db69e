import { NAME_LABEL, STATE_LABEL } from '../../src/api/names';
import { consistently, eventually } from '../../tools/base/eventually';
import { kubectl, tryKubectl } from '../e2e/support/kubectl';
import { isReady, type Pod, Scene } from '../e2e/support/scene';
import { idleWhile } from './support/idle-watch';
import { FLAKY_IMAGE } from './support/images';
import { applyRooms, RESTRICTED } from './support/manifests';
import { killKubelet, startKubelet } from './support/node-control';
import { FRAGILE_NODE } from './support/run';
import { ask, ipOf, nodeOf, Sessions } from './support/sessions';
import { describeReal, note } from './support/suite';

jest.setTimeout(300_000);

/** Other test files' Pods are none of its business. */
const DRAIN = ['drain', FRAGILE_NODE, `--pod-selector=${NAME_LABEL}=rooms`, '--ignore-daemonsets', '--timeout=100s'];

const onFragile = (pods: readonly Pod[]): Pod[] => pods.filter((pod) => nodeOf(pod) === FRAGILE_NODE);

describeReal('sessions on a node in trouble', () => {
  let scene: Scene;
  let sessions: Sessions;
  let busy: Pod;
  beforeAll(async () => {
    scene = await Scene.open('node', RESTRICTED);
    sessions = new Sessions(scene);
    await applyRooms(scene, { idleTarget: 4, onFragileNode: true });
    const pods = onFragile(await scene.settledAt(4));
    expect(pods).toHaveLength(2);
    busy = pods[0] as Pod;
    expect(await sessions.start(busy)).toMatchObject({ status: 201 });
    await scene.settledAt(5);
  });
  afterAll(async () => {
    await startKubelet(FRAGILE_NODE);
    await kubectl(['uncordon', FRAGILE_NODE]);
    await scene?.close();
  });

  it('go on while the kubelet is dead, through a scale-down, and after it is back', async () => {
    const [idle] = onFragile(await scene.readyPods(`${STATE_LABEL}=idle`)) as [Pod];
    await killKubelet(FRAGILE_NODE);
    // Nobody tells the app that its Pod is being deleted: only the reply to its busy write does.
    await scene.api.delete(`/api/v1/namespaces/${scene.namespace}/pods/${idle.metadata.name}`);
    expect(await sessions.start(idle)).toMatchObject({
      status: 503,
      message: 'this Pod is being deleted: take another one',
    });
    await scene.patchHsd('rooms', { idleTarget: 1 });
    await scene.childAt('rooms', 2);
    expect(await sessions.lost()).toEqual([]);

    await startKubelet(FRAGILE_NODE);
    await eventually(async () => expect(await scene.exists(podPath(idle))).toBe(false));
    await scene.patchHsd('rooms', { idleTarget: 4 });
    await scene.settledAt(5);
    expect(await sessions.lost()).toEqual([]);
  });

  it('hold a drain back until they end, while idle Pods leave as soon as the node is cordoned', async () => {
    const idle = onFragile(await scene.readyPods(`${STATE_LABEL}=idle`)).map((pod) => pod.metadata.name);
    expect(idle.length).toBeGreaterThan(0);
    await kubectl(['cordon', FRAGILE_NODE]);
    const cordoned = performance.now();
    await eventually(async () => expect(onFragile(await scene.pods(`${STATE_LABEL}=idle`))).toEqual([]));
    note(
      `node cordoned -> its ${idle.length} idle Pods have left "idle" ${Math.round(performance.now() - cordoned)} ms`,
    );

    let drained = false;
    const drain = tryKubectl(DRAIN).finally(() => {
      drained = true;
    });
    await eventually(async () => {
      // Their successors are on the other node, and nothing but the session is left here.
      expect(onFragile(await scene.pods()).map((pod) => pod.metadata.name)).toEqual([busy.metadata.name]);
      expect(await scene.readyPods(`${STATE_LABEL}=idle`)).toHaveLength(4);
    });
    // Longer than drain's own pause between two attempts, 5 s.
    await consistently(async () => {
      expect((await scene.pod(busy.metadata.name)).metadata.deletionTimestamp).toBeUndefined();
      expect(drained).toBe(false);
    }, 6_000);
    expect(await sessions.lost()).toEqual([]);

    await sessions.end(busy);
    const ended = performance.now();
    const { code, stderr } = await drain;
    expect(stderr).toContain("would violate the pod's disruption budget");
    expect(code).toBe(0);
    note(`session ended -> drain complete ${Math.round(performance.now() - ended)} ms`);
    await scene.settledAt(4);
    expect(onFragile(await scene.pods())).toEqual([]);
  });

  const podPath = (pod: Pod): string => `/api/v1/namespaces/${scene.namespace}/pods/${pod.metadata.name}`;
});

describeReal('sessions whose Pod fails its readiness probe', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open('flaky', RESTRICTED);
    await applyRooms(scene, { idleTarget: 2, image: FLAKY_IMAGE });
  });
  afterAll(() => scene?.close());

  it('outlive a template change, which never leaves less than idleTarget Pods, and a scale-down', async () => {
    const sessions = new Sessions(scene);
    const [unready, ready] = (await scene.settledAt(2)) as [Pod, Pod];
    for (const pod of [unready, ready]) expect(await sessions.start(pod)).toMatchObject({ status: 201 });
    await scene.settledAt(4);
    await ask(ipOf(unready), 'DELETE', '/readiness');
    await eventually(async () => expect(isReady(await scene.pod(unready.metadata.name))).toBe(false));
    // As everywhere, `lost` asks the apps themselves.
    expect(await sessions.lost()).toEqual([]);

    const history = await idleWhile(scene, 2, async () => {
      await scene.patchHsd('rooms', { podTemplate: { metadata: { annotations: { version: '2' } } } });
      await eventually(async () => {
        const idle = await scene.readyPods(`${STATE_LABEL}=idle`);
        expect(idle.map((pod) => pod.metadata.annotations?.version)).toEqual(['2', '2']);
        expect(await scene.pods()).toHaveLength(4);
      });
    });
    note(`template change: ${history.changes} changes of Pods, fewest marked idle ${history.fewest} of 2`);
    expect(history.changes).toBeGreaterThan(0);
    expect(history.dips).toEqual([]);
    expect(await sessions.lost()).toEqual([]);
    await scene.status('rooms', { busyCount: 2, detachedCount: 2, availableCount: 2 });

    await scene.patchHsd('rooms', { idleTarget: 0 });
    await eventually(async () => {
      const left = (await scene.pods()).map((pod) => pod.metadata.uid).sort();
      expect(left).toEqual([unready, ready].map((pod) => pod.metadata.uid).sort());
    });
    await scene.status('rooms', { busyCount: 2, availableCount: 0, desiredReplicas: 2 });
    expect(await sessions.lost()).toEqual([]);

    for (const pod of [unready, ready]) await sessions.end(pod);
    await scene.settledAt(0);
    await scene.status('rooms', { busyCount: 0, desiredReplicas: 0, detachedCount: 0 });
  });
});
