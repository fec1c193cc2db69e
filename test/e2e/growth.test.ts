import { MOST_STEPS } from '../../operator/decide/growth';
import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import { STATE_LABEL } from '../../src/api/names';
import { consistently, eventually } from '../../tools/base/eventually';
import { freePorts } from '../../tools/cluster/ports';
import { OperatorProcess } from './support/operator';
import { PodServers, says } from './support/pod-servers';
import { Scene } from './support/scene';

jest.setTimeout(120_000);

/** Long enough for a pool that grows without a bound to reach a hundred Pods. */
const WATCH_MS = 8_000;

describe('no input makes a pool grow without end', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  let node: string;
  beforeAll(async () => {
    scene = await Scene.open('growth');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    node = await aCordonedNode();
  });
  afterAll(async () => {
    expect(operator.errors).toEqual([]);
    await operator?.stop();
    await scene.api.delete(paths.nodes(node));
    await scene?.close();
  });

  const labels = (app: string): { selector: { matchLabels: Record<string, string> } } => ({
    selector: { matchLabels: { app } },
  });
  const container = { name: 'app', image: 'example.com/app:1' };

  /** A node of this test alone, like those of the cluster, cordoned from the start. */
  async function aCordonedNode(): Promise<string> {
    const { metadata, status } = await scene.api.get<KubeObject & { status: object }>(paths.nodes('kwok-0'));
    const { 'kwok.x-k8s.io/node': managed } = metadata.annotations ?? {};
    const name = `cordoned-${scene.namespace}`;
    const own = { 'kubernetes.io/hostname': name, 'test/node': scene.namespace };
    await scene.api.create(paths.nodes(), {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        annotations: { 'kwok.x-k8s.io/node': managed },
        labels: { ...metadata.labels, ...own },
      },
      spec: { unschedulable: true },
      status,
    });
    return name;
  }

  /** The most Pods an app ever had, those on their way out included. */
  async function mostPods(app: string): Promise<number> {
    let most = 0;
    await consistently(async () => {
      most = Math.max(most, (await scene.allPods(`app=${app}`)).length);
    }, WATCH_MS);
    return most;
  }

  it('an app whose every answer is a redirect: one refill at once, the reason, and all of it once it is mended', async () => {
    const { port } = await freePorts(['port'], ['0.0.0.0']);
    const servers = new PodServers(scene, 'app=redirects', port, says(302));
    try {
      const busyProbe = { mode: 'http', http: { port, periodSeconds: 1 } } as const;
      // Once a Pod has been available sessions alone count, and the app still says busy of every new one.
      await scene.createHsd('redirects', { ...labels('redirects'), idleTarget: 2, maxReplicas: 6, busyProbe });
      await eventually(async () => {
        const limited = await scene.condition('redirects', 'ScalingLimited', 'True');
        expect(limited).toMatchObject({ reason: 'NeverAvailable', message: expect.stringContaining('4 Pods') });
      });
      expect(await mostPods('redirects')).toBe(4);
      await scene.status('redirects', { busyCount: 4, desiredReplicas: 6, availableCount: 0 });
      expect((await scene.condition('redirects', 'IdleTargetMet', 'False')).reason).toBe('NeverAvailable');
      expect(await scene.pods(`app=redirects,${STATE_LABEL}=busy`)).toHaveLength(4);
      const [mended] = servers.all;
      if (mended) mended.answer = says(404);
      await scene.childAt('redirects', 6);
      const reason = async (): Promise<string> => (await scene.condition('redirects', 'ScalingLimited', 'True')).reason;
      await eventually(async () => expect(await reason()).toBe('TooManyReplicas'));
    } finally {
      await servers.close();
    }
  });

  it('a template that is busy from birth, in any letter case, by any key, works as if it were not', async () => {
    const born = (app: string, key: string, value: string) =>
      scene.createHsd(app, {
        ...labels(app),
        idleTarget: 2,
        busyProbe: { mode: 'annotation', annotationKey: key },
        podTemplate: { metadata: { annotations: { [key]: value, note: 'kept' } }, spec: { containers: [container] } },
      });
    await born('born', 'paia.tech/busy', 'true');
    await born('born-own', 'example.com/own', 'TRUE');
    for (const app of ['born', 'born-own']) {
      await scene.status(app, { busyCount: 0, availableCount: 2 });
      const [pod] = await scene.settledAt(2, `app=${app}`);
      expect(pod?.metadata.annotations).toMatchObject({ note: 'kept' });
      await eventually(async () =>
        expect((await scene.events(app)).map(({ reason }) => reason)).toContain('ReservedKeys'),
      );
      expect((await scene.condition(app, 'BusyProbeHealthy', 'True')).message).toMatch(
        /is left out: no Pod is born busy/,
      );
    }
  });

  it('Pods that a cordon does not keep away stay where they are and serve', async () => {
    const pools: [string, Record<string, unknown>][] = [
      ['pinned', { nodeName: node }],
      ['tolerant', { nodeSelector: { 'test/node': scene.namespace }, tolerations: [{ operator: 'Exists' }] }],
    ];
    for (const [app, spec] of pools) {
      const podTemplate = { spec: { containers: [container], ...spec } };
      await scene.createHsd(app, { ...labels(app), idleTarget: 2, podTemplate });
    }
    for (const [app] of pools) await scene.status(app, { availableCount: 2, replicas: 2 });
    const [pinned, tolerant] = await Promise.all(pools.map(([app]) => mostPods(app)));
    expect({ pinned, tolerant }).toEqual({ pinned: 2, tolerant: 2 });
  });

  it('Pods that never become Ready: as many as are wanted, and no more', async () => {
    const podTemplate = { spec: { containers: [container], schedulerName: 'nobody' } };
    await scene.createHsd('never', { ...labels('never'), idleTarget: 3, progressDeadlineSeconds: 2, podTemplate });
    expect(await mostPods('never')).toBe(3);
    await scene.condition('never', 'Ready', 'False');
    expect((await scene.condition('never', 'Stalled', 'True')).reason).toBe('ProgressDeadlineExceeded');
  });

  it('a marker that takes every Pod before it is Ready: a refill at once, and then it waits', async () => {
    const podTemplate = { spec: { containers: [container], schedulerName: 'nobody' } };
    await scene.createHsd('taken', { ...labels('taken'), idleTarget: 1, podTemplate });
    const taken = new Set<string>();
    await consistently(async () => {
      for (const pod of await scene.pods('app=taken')) {
        if (taken.has(pod.metadata.uid)) continue;
        taken.add(pod.metadata.uid);
        await scene.setBusy(pod);
      }
    }, WATCH_MS);
    expect(taken.size).toBe(2);
    expect(1 + MOST_STEPS).toBeGreaterThan(taken.size);
    await scene.status('taken', { busyCount: 2, desiredReplicas: 3 });
    expect((await scene.condition('taken', 'ScalingLimited', 'True')).reason).toBe('NeverAvailable');
  });
});
