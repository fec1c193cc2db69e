import { paths } from '../../operator/kube/paths';
import { KOPF_FINALIZER, NAME_LABEL } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { OperatorProcess } from './support/operator';
import { BusyWatch, Scene } from './support/scene';

jest.setTimeout(180_000);

/** What the original operator (kopf) left on a cluster: its marks on the hsd, and a child made by plain create and patch. */
const ORIGINAL = { fieldManager: 'kopf' };
const LAST_HANDLED = 'kopf.zalando.org/last-handled-configuration';

describe('taking over from the original operator on a live cluster', () => {
  let scene: Scene;
  let operator: OperatorProcess | undefined;
  beforeEach(async () => {
    scene = await Scene.open('takeover');
  });
  afterEach(async () => {
    await operator?.stop();
    await scene.close();
  });

  async function originalState(name: string, owned: boolean): Promise<void> {
    const app = { app: name };
    const hsd = await scene.createHsd(
      name,
      { idleTarget: 2, maxReplicas: 10, selector: { matchLabels: app } },
      { finalizers: [KOPF_FINALIZER], annotations: { [LAST_HANDLED]: '{"spec":{}}\n' } },
    );
    const owner = {
      apiVersion: 'apps.paia.tech/v1alpha1',
      kind: 'HotStandbyDeployment',
      name,
      uid: hsd.metadata.uid,
      controller: true,
      blockOwnerDeletion: true,
    };
    const child = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: `${name}-workload`,
        labels: { [NAME_LABEL]: name },
        ...(owned && { ownerReferences: [owner] }),
      },
      spec: {
        replicas: 5,
        selector: { matchLabels: app },
        template: { metadata: { labels: app }, spec: { containers: [{ name: 'app', image: 'example.com/app:1' }] } },
      },
    };
    await scene.api.create(paths.deployments.list(scene.namespace), child, { query: ORIGINAL });
  }

  it.each([
    ['owned by the hsd', true],
    ['without an owner', false],
  ])('adopts its child (%s) with busy Pods running, Ready or not, and ends none of them', async (_title, owned) => {
    await originalState('rooms', owned);
    const pods = await scene.settledAt(5);
    const sessions = new BusyWatch(scene);
    for (const pod of pods.slice(0, 3)) await sessions.start(pod);
    // The original's README advises to drop readiness while busy.
    const unready = [{ type: 'Ready', status: 'False', lastTransitionTime: new Date().toISOString() }];
    const busyPod = `/api/v1/namespaces/${scene.namespace}/pods/${pods[0]?.metadata.name}/status`;
    await scene.api.mergePatch(busyPod, { status: { conditions: unready } });

    operator = await OperatorProcess.start({ namespace: scene.namespace });
    await scene.status('rooms', { busyCount: 3, availableCount: 2, desiredReplicas: 5 });
    await eventually(async () => expect(await scene.pods()).toHaveLength(5));
    expect(await sessions.lost()).toEqual([]);
    const child = await scene.child('rooms');
    expect(child.metadata.ownerReferences).toMatchObject([
      { kind: 'HotStandbyDeployment', name: 'rooms', controller: true },
    ]);
    expect(child.metadata.managedFields?.map((entry) => entry.manager)).not.toContain('kopf');

    for (const pod of pods.slice(0, 3)) await sessions.end(pod);
    await scene.settledAt(2);
    await scene.status('rooms', { busyCount: 0, availableCount: 2, detachedCount: 0, replicas: 2 });
    await scene.condition('rooms', 'Ready', 'True');
  });

  it("lets an hsd go that only the original operator's finalizer holds back", async () => {
    await originalState('rooms', true);
    await scene.settledAt(5);
    await scene.api.delete(paths.hsds.one(scene.namespace, 'rooms'));
    expect((await scene.hsd('rooms')).metadata.deletionTimestamp).toBeDefined();
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    await eventually(async () => {
      expect(await scene.exists(paths.hsds.one(scene.namespace, 'rooms'))).toBe(false);
      expect(await scene.allPods()).toEqual([]);
    });
  });

  it('changes nothing Git owns: spec, labels and annotations of the hsd stay as they were', async () => {
    await originalState('rooms', true);
    const before = await scene.hsd('rooms');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    await scene.condition('rooms', 'Ready', 'True');
    const after = await scene.hsd('rooms');
    expect(after.spec).toEqual(before.spec);
    expect(after.metadata.annotations).toEqual(before.metadata.annotations);
    expect(after.metadata.labels).toEqual(before.metadata.labels);
    expect(after.metadata.generation).toBe(before.metadata.generation);
  });
});
