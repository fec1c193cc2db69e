import { ApiError } from '../../operator/kube/errors';
import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import { CRD_NAME } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { toManifest } from '../../tools/cluster/install';
import { BusyWatch, type Pod, Scene } from '../e2e/support/scene';
import { exampleObjects, Fleet, HSD, REFUSED_TEMPLATE } from './support/fleet';
import { Flux, readyOf } from './support/flux';
import { Ground, note, seconds } from './support/ground';

jest.setTimeout(300_000);

const SOURCE = 'fleet';
const MANAGER = 'kustomize-controller';
/** Looks again when asked to, and soon after a failure: that of the apps as long as the platform is not Ready is one. */
const INTERVALS = { interval: '1h', retryInterval: '2s', timeout: '1m' };

describe('Flux with the example of examples/gitops', () => {
  let ground: Ground;
  let flux: Flux;
  let scene: Scene;
  let fleet: Fleet;

  beforeAll(async () => {
    ground = await Ground.open('flux');
    [flux, scene] = await Promise.all([Flux.start(ground), Scene.open('fleet')]);
    fleet = new Fleet(ground.git, scene.namespace);
    await pushed('Keep two rooms');
  });
  afterAll(async () => {
    await scene?.api.close();
    await flux?.close();
    await ground?.close();
  });

  /** Pushes, and publishes the commit as a source-controller does that was told by a webhook. */
  async function pushed(message: string): Promise<string> {
    await fleet.push(message);
    return flux.publish(SOURCE);
  }
  const ready = (revision?: string) => flux.ready('apps', { status: 'True', revision });

  it('is Ready of the platform first, and of the apps only when the idle Pods are there', async () => {
    const kustomizations = exampleObjects('clusters/staging/flux.yaml').filter(({ kind }) => kind === 'Kustomization');
    for (const { spec, ...manifest } of kustomizations) {
      await flux.create({ ...manifest, spec: { ...spec, ...INTERVALS } });
    }
    await eventually(async () => expect(await scene.exists(paths.hsds.one(scene.namespace, HSD))).toBe(true));
    const platform = await flux.ready('platform', { status: 'True' });
    await flux.ready('apps', { status: 'Unknown', reason: 'Progressing' });
    const readySince = readyOf(platform)?.lastTransitionTime;
    const { creationTimestamp } = (await scene.hsd(HSD)).metadata;
    expect(Date.parse(creationTimestamp ?? '')).toBeGreaterThanOrEqual(Date.parse(readySince ?? ''));

    await ground.startOperator();
    await ready();
    await scene.settledAt(2);
  });

  it('leaves the child and its Pods alone in a burst of sessions, and corrects the spec alone', async () => {
    const { generation = 0 } = (await scene.hsd(HSD)).metadata;
    const sessions = new BusyWatch(scene);
    const [first, second] = await scene.settledAt(2);
    for (const pod of [first, second]) await sessions.start(pod as Pod);
    await scene.childAt(HSD, 4);
    expect(readyOf(await flux.reconcile('apps'))).toMatchObject({ status: 'True' });
    expect((await scene.child(HSD)).spec?.replicas).toBe(4);
    expect((await scene.hsd(HSD)).metadata.generation).toBe(generation);

    await scene.patchHsd(HSD, { idleTarget: 7 });
    expect(readyOf(await flux.reconcile('apps'))).toMatchObject({ status: 'True' });
    expect((await scene.hsd(HSD)).spec.idleTarget).toBe(2);
    await scene.childAt(HSD, 4);
    const ours: KubeObject[] = [await scene.child(HSD), ...(await scene.pods())];
    const managers = ours.flatMap(({ metadata }) => metadata.managedFields ?? []).map(({ manager }) => manager);
    expect(managers).not.toContain(MANAGER);
    expect(JSON.stringify(ours.map(({ metadata }) => metadata.labels))).not.toContain('fluxcd');
    expect(await sessions.lost()).toEqual([]);
    for (const pod of [first, second]) await sessions.end(pod as Pod);
    await scene.settledAt(2);
  });

  it('brings a pushed number to the Pods', async () => {
    for (const idleTarget of [4, 3, 5, 2]) {
      fleet.edit({ idleTarget });
      const start = performance.now();
      const revision = await pushed(`Keep ${idleTarget} rooms`);
      await scene.settledAt(idleTarget);
      const atTarget = performance.now();
      await ready(revision);
      note(
        `Flux, ${idleTarget} idle Pods: git push -> Pods at target ${seconds(atTarget - start)}, Ready ${seconds(performance.now() - start)} (told by webhook)`,
      );
    }
  });

  it('fails, with the reason, on a template that the API server refuses', async () => {
    const { podTemplate } = (await scene.hsd(HSD)).spec;
    fleet.edit({ podTemplate: REFUSED_TEMPLATE.podTemplate });
    const revision = await pushed('Break the template');
    const failed = await flux.ready('apps', { status: 'False', reason: 'HealthCheckFailed', revision });
    expect(readyOf(failed)?.message).toContain(`HotStandbyDeployment/${scene.namespace}/${HSD}`);
    expect((await scene.condition(HSD, 'Stalled', 'True')).message).toContain(REFUSED_TEMPLATE.says);
    note(`Flux on a refused template: ${readyOf(failed)?.message}`);
    fleet.edit({ podTemplate });
    await ready(await pushed('Mend the template'));
  });

  it('fails, with the reason, on a spec that its definition refuses', async () => {
    fleet.edit({ minReplicas: 20 });
    const revision = await pushed('Ask for more than there may be');
    const failed = await flux.ready('apps', { status: 'False', reason: 'ReconciliationFailed', revision });
    expect(readyOf(failed)?.message).toMatch(/minReplicas.*20.*maxReplicas.*10|maxReplicas.*10.*minReplicas.*20/);
    fleet.edit({ minReplicas: 0 });
    await ready(await pushed('Ask for less'));
  });

  it('leaves the definition that is taken out of Git, and with it the pool and its busy Pod', async () => {
    const [pod] = await scene.settledAt(2);
    const sessions = new BusyWatch(scene);
    await sessions.start(pod as Pod);
    await scene.settledAt(3);
    const metadata = { name: 'nothing', namespace: 'default' };
    ground.git.write(
      'clusters/staging/platform/crds.yaml',
      toManifest([{ apiVersion: 'v1', kind: 'ConfigMap', metadata }]),
    );
    await flux.ready('platform', { status: 'True', revision: await pushed('Take the definition out') });
    const definition = await scene.api.get<KubeObject>(
      `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${CRD_NAME}`,
    );
    expect(definition.metadata.deletionTimestamp).toBeUndefined();
    expect((await scene.hsd(HSD)).metadata.deletionTimestamp).toBeUndefined();
    expect(await sessions.lost()).toEqual([]);
    await sessions.end(pod as Pod);
    await scene.settledAt(2);
  });

  it('prunes a hsd taken out of Git when its sessions have ended', async () => {
    const [pod] = await scene.settledAt(2);
    const sessions = new BusyWatch(scene);
    await sessions.start(pod as Pod);
    await scene.settledAt(3);
    fleet.removeHsd();
    const revision = await pushed('Close the rooms');
    await eventually(async () => {
      expect((await scene.hsd(HSD)).metadata.deletionTimestamp).toBeDefined();
      expect((await scene.pods()).map(({ metadata }) => metadata.name)).toEqual([pod?.metadata.name]);
    });
    expect(await sessions.lost()).toEqual([]);
    await sessions.end(pod as Pod);
    await eventually(() => expect(scene.hsd(HSD)).rejects.toThrow(ApiError));
    await ready(revision);
    await scene.settledAt(0);
  });
});
