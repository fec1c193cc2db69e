import { paths } from '../../operator/kube/paths';
import { KOPF_FINALIZER, NAME_LABEL, STATE_LABEL } from '../../src/api/names';
import { consistently, eventually } from '../../tools/base/eventually';
import { OperatorProcess } from './support/operator';
import { aSpec, BusyWatch, Scene } from './support/scene';

jest.setTimeout(180_000);

const templateWith = (image: string, name = 'app'): { spec: { containers: { name: string; image: string }[] } } => ({
  spec: { containers: [{ name, image }] },
});

describe('the child Deployment', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  beforeAll(async () => {
    scene = await Scene.open('child');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.close();
  });

  const labels = (app: string): { selector: { matchLabels: Record<string, string> } } => ({
    selector: { matchLabels: { app } },
  });
  const childPath = (name: string): string => paths.deployments.one(scene.namespace, `${name}-workload`);
  const deployment = (name: string, metadata: Record<string, unknown>, app = name): Record<string, unknown> => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${name}-workload`, namespace: scene.namespace, ...metadata },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app } },
      template: { metadata: { labels: { app } }, ...templateWith('example.com/app:0') },
    },
  });

  it('carries labels and annotations of its own as Git says, gives up those that are taken away, and restarts nothing', async () => {
    const deploymentMetadata = { labels: { team: 'games' }, annotations: { 'reloader.example.com/auto': 'true' } };
    await scene.createHsd('tagged', { ...labels('tagged'), idleTarget: 2, deploymentMetadata });
    const before = await scene.settledAt(2, 'app=tagged');
    expect((await scene.child('tagged')).metadata).toMatchObject(deploymentMetadata);
    await scene.patchHsd('tagged', { deploymentMetadata: { labels: { team: null, cost: 'low' }, annotations: null } });
    await eventually(async () => {
      const { metadata } = await scene.child('tagged');
      expect(metadata.labels).toEqual({ cost: 'low', [NAME_LABEL]: 'tagged' });
      expect(Object.keys(metadata.annotations ?? {})).not.toContain('reloader.example.com/auto');
    });
    await scene.patchHsd('tagged', { deploymentMetadata: null });
    await eventually(async () => {
      expect((await scene.child('tagged')).metadata.labels).toEqual({ [NAME_LABEL]: 'tagged' });
    });
    const uids = (pods: Awaited<ReturnType<typeof scene.pods>>) => pods.map(({ metadata }) => metadata.uid).sort();
    expect(uids(await scene.settledAt(2, 'app=tagged'))).toEqual(uids(before));
  });

  it('says what the API server has against a label of its own', async () => {
    const deploymentMetadata = { labels: { 'not a key': 'x' } };
    await scene.createHsd('mislabelled', { ...labels('mislabelled'), idleTarget: 1, deploymentMetadata });
    expect((await scene.condition('mislabelled', 'Stalled', 'True')).message).toContain('not a key');
  });

  it('keeps every busy Pod through a changed template and replaces the idle ones', async () => {
    const sessions = new BusyWatch(scene);
    await scene.createHsd('roll', { ...labels('roll'), idleTarget: 3 });
    const [one, two] = await scene.settledAt(3, 'app=roll');
    await sessions.start(one as never);
    await sessions.start(two as never);
    await scene.settledAt(5, 'app=roll');
    await scene.patchHsd('roll', { podTemplate: templateWith('example.com/app:2') });
    await eventually(async () => {
      const available = (await scene.hsd('roll')).status?.availableCount ?? 0;
      const fresh = (await scene.readyPods(`app=roll,${STATE_LABEL}=idle`)).filter(
        (pod) => pod.spec?.containers?.[0]?.image === 'example.com/app:2',
      );
      expect(available).toBeGreaterThanOrEqual(3);
      expect(fresh).toHaveLength(3);
    });
    await scene.settledAt(5, 'app=roll');
    expect(await sessions.lost()).toEqual([]);
    await scene.status('roll', { busyCount: 2, availableCount: 3, detachedCount: 2, desiredReplicas: 5 });
    await scene.childAt('roll', 3);
    await scene.condition('roll', 'Ready', 'True');

    await scene.patchHsd('roll', { podTemplate: templateWith('example.com/app:1') });
    await scene.patchHsd('roll', { podTemplate: templateWith('example.com/app:3') });
    await eventually(async () => {
      const fresh = (await scene.readyPods(`app=roll,${STATE_LABEL}=idle`)).filter(
        (pod) => pod.spec?.containers?.[0]?.image === 'example.com/app:3',
      );
      expect(fresh).toHaveLength(3);
    });
    await scene.settledAt(5, 'app=roll');
    expect(await sessions.lost()).toEqual([]);

    await sessions.end(one as never);
    await sessions.end(two as never);
    await scene.settledAt(3, 'app=roll');
    await scene.status('roll', { busyCount: 0, availableCount: 3, detachedCount: 0 });
    await eventually(async () =>
      expect(
        (await scene.replicaSets()).filter((rs) => (rs.spec?.replicas ?? 0) > 0 && rs.metadata.labels?.app === 'roll'),
      ).toHaveLength(1),
    );
  });

  it('keeps every busy Pod when somebody restarts or edits the child', async () => {
    const sessions = new BusyWatch(scene);
    await scene.createHsd('restart', { ...labels('restart'), idleTarget: 2 });
    const [busy] = await scene.settledAt(2, 'app=restart');
    await sessions.start(busy as never);
    const before = new Set((await scene.settledAt(3, 'app=restart')).map((pod) => pod.metadata.uid));
    const stamp = { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' };
    await scene.api.mergePatch(
      childPath('restart'),
      { spec: { template: { metadata: { annotations: stamp } } } },
      { query: { fieldManager: 'kubectl-rollout' } },
    );
    await eventually(async () => {
      const pods = await scene.readyPods(`app=restart,${STATE_LABEL}=idle`);
      expect(pods.filter((pod) => !before.has(pod.metadata.uid))).toHaveLength(2);
      expect(await scene.pods('app=restart')).toHaveLength(3);
    });
    expect(await sessions.lost()).toEqual([]);

    const edit = { spec: { template: { spec: { containers: [{ name: 'app', image: 'example.com/other:1' }] } } } };
    await scene.api.mergePatch(childPath('restart'), edit, { query: { fieldManager: 'kubectl-edit' } });
    await eventually(async () => {
      const child = (await scene.child('restart')) as unknown as {
        spec: { template: { spec: { containers: { image: string }[] } } };
      };
      expect(child.spec.template.spec.containers[0]?.image).toBe('example.com/app:1');
      const pods = await scene.readyPods(`app=restart,${STATE_LABEL}=idle`);
      expect(pods.map((pod) => pod.spec?.containers?.[0]?.image)).toEqual(['example.com/app:1', 'example.com/app:1']);
      expect(await scene.pods('app=restart')).toHaveLength(3);
    });
    expect(await sessions.lost()).toEqual([]);
  });

  it('keeps the last good child when the API server refuses a template, and says why in its words', async () => {
    await scene.createHsd('refused', { ...labels('refused'), idleTarget: 2 });
    const pods = await scene.settledAt(2, 'app=refused');
    await scene.condition('refused', 'Ready', 'True');
    await scene.patchHsd('refused', { podTemplate: { spec: { containers: [{ name: 'Not_A_Label', image: 'x' }] } } });
    const stalled = await scene.condition('refused', 'Stalled', 'True');
    expect(stalled.message).toMatch(/spec.template.spec.containers\[0\].name: Invalid value: "Not_A_Label"/);
    expect((await scene.hsd('refused')).status?.observedGeneration).toBe(
      (await scene.hsd('refused')).metadata.generation,
    );
    await scene.condition('refused', 'Ready', 'False');
    await scene.setBusy(pods[0] as never);
    await scene.childAt('refused', 3);
    await scene.settledAt(3, 'app=refused');
    expect((await scene.events('refused')).filter((event) => event.type === 'Warning')).toHaveLength(1);
    await scene.patchHsd('refused', { podTemplate: templateWith('example.com/app:1') });
    await scene.condition('refused', 'Stalled', 'False');
    await scene.condition('refused', 'Ready', 'True');
  });

  it('says at once that a new hsd can never work', async () => {
    await scene.createHsd('never', {
      ...labels('never'),
      podTemplate: {
        spec: {
          containers: [
            { name: 'app', image: 'x', ports: [{ containerPort: 80, name: 'a-name-much-too-long-for-a-port' }] },
          ],
        },
      },
    });
    expect((await scene.condition('never', 'Stalled', 'True')).message).toMatch(/must be no more than 15 characters/);
    expect(await scene.exists(childPath('never'))).toBe(false);
  });

  it('adopts a Deployment of the same name and selector that belongs to nobody', async () => {
    await scene.api.create(paths.deployments.list(scene.namespace), deployment('nobody', {}));
    const [pod] = await scene.settledAt(2, 'app=nobody');
    const sessions = new BusyWatch(scene);
    await sessions.start(pod as never);
    await scene.createHsd('nobody', { ...labels('nobody'), idleTarget: 2 });
    await scene.status('nobody', { busyCount: 1, availableCount: 2 });
    expect((await scene.child('nobody')).metadata.ownerReferences).toMatchObject([
      { kind: 'HotStandbyDeployment', name: 'nobody', controller: true },
    ]);
    expect(await sessions.lost()).toEqual([]);
  });

  it('leaves a Deployment alone that belongs to somebody else, and reports it', async () => {
    const owner = await scene.api.create<{ metadata: { uid: string } }>(
      `/api/v1/namespaces/${scene.namespace}/configmaps`,
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'owner' },
      },
    );
    const ownerReferences = [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid, controller: true },
    ];
    await scene.api.create(paths.deployments.list(scene.namespace), deployment('taken', { ownerReferences }));
    await scene.createHsd('taken', labels('taken'));
    const stalled = await scene.condition('taken', 'Stalled', 'True');
    expect(stalled).toMatchObject({
      reason: 'ChildConflict',
      message: expect.stringMatching(/belongs to ConfigMap owner/),
    });
    const child = await scene.child('taken');
    expect(child.spec?.replicas).toBe(2);
    expect(child.metadata.labels?.[NAME_LABEL]).toBeUndefined();
  });

  it("removes the child and its Pods with the hsd, the original operator's finalizer notwithstanding", async () => {
    await scene.createHsd('gone', { ...labels('gone'), idleTarget: 2 }, { finalizers: [KOPF_FINALIZER] });
    const [pod] = await scene.settledAt(2, 'app=gone');
    await scene.setBusy(pod as never);
    await scene.settledAt(3, 'app=gone');
    await scene.api.delete(paths.hsds.one(scene.namespace, 'gone'));
    await eventually(async () => {
      expect(await scene.exists(paths.hsds.one(scene.namespace, 'gone'))).toBe(false);
      expect(await scene.exists(childPath('gone'))).toBe(false);
      expect(await scene.allPods('app=gone')).toEqual([]);
    });
  });

  it('starts a new child for an hsd that was deleted and made again', async () => {
    await scene.createHsd('again', { ...labels('again'), idleTarget: 1 });
    const [pod] = await scene.settledAt(1, 'app=again');
    await scene.api.delete(paths.hsds.one(scene.namespace, 'again'));
    await scene.api.create(paths.hsds.list(scene.namespace), {
      apiVersion: 'apps.paia.tech/v1alpha1',
      kind: 'HotStandbyDeployment',
      metadata: { name: 'again' },
      spec: aSpec({ ...labels('again'), idleTarget: 1 }),
    });
    await eventually(async () => {
      const pods = await scene.readyPods('app=again');
      expect(pods).toHaveLength(1);
      expect(pods[0]?.metadata.uid).not.toBe(pod?.metadata.uid);
    });
    await scene.condition('again', 'Ready', 'True');
  });

  it('takes a field away that Git no longer holds, even after an adoption', async () => {
    await scene.api.create(paths.deployments.list(scene.namespace), {
      ...deployment('fields', {}),
      spec: { ...(deployment('fields', {}).spec as object), minReadySeconds: 1 },
    });
    await scene.createHsd('fields', { ...labels('fields'), podTemplate: templateWith('example.com/app:1', 'main') });
    await eventually(async () => {
      const child = (await scene.child('fields')) as unknown as {
        spec: { template: { spec: { containers: { name: string }[] } } };
      };
      expect(child.spec.template.spec.containers.map((c) => c.name)).toEqual(['main']);
    });
    await scene.condition('fields', 'Ready', 'True');
    const { resourceVersion } = (await scene.child('fields')).metadata;
    await consistently(
      async () => expect((await scene.child('fields')).metadata.resourceVersion).toBe(resourceVersion),
      1_500,
    );
  });
});
