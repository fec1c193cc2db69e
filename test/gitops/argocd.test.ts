import { ApiError } from '../../operator/kube/errors';
import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import type { HsdObject } from '../../operator/observe/project';
import { CRD_NAME, STATE_LABEL } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { toManifest } from '../../tools/cluster/install';
import { BusyWatch, type Pod, Scene } from '../e2e/support/scene';
import { type Application, ArgoCd, CONFIG } from './support/argocd';
import { exampleObjects, Fleet, HSD, REFUSED_TEMPLATE } from './support/fleet';
import { Ground, note, seconds } from './support/ground';
import { type LuaRequest, runLua } from './support/lua';
import { mergePatch } from './support/merge-patch';

jest.setTimeout(300_000);

const APPLICATION = 'staging';

describe('Argo CD with the example of examples/gitops', () => {
  let ground: Ground;
  let argocd: ArgoCd;
  let scene: Scene;
  let fleet: Fleet;

  beforeAll(async () => {
    ground = await Ground.open('argocd');
    [argocd, scene] = await Promise.all([ArgoCd.start(ground), Scene.open('fleet')]);
    fleet = new Fleet(ground.git, scene.namespace);
    await fleet.push('Keep two rooms');
  });
  afterAll(async () => {
    await scene?.api.close();
    await argocd?.close();
    await ground?.close();
  });

  const healthOf = ({ status }: Application, kind: string) =>
    status?.resources?.find((resource) => resource.kind === kind)?.health;
  const pushed = async (message: string): Promise<string> => {
    const revision = await fleet.push(message);
    await argocd.refresh(APPLICATION);
    return revision;
  };
  const healthyAt = (revision?: string): Promise<Application> =>
    argocd.reached(APPLICATION, { sync: 'Synced', health: 'Healthy', revision });

  /** Waits for as many as Git asks for, and no more. */
  const idlePods = (): Promise<Pod[]> =>
    eventually(async () => {
      const pods = await scene.readyPods(`${STATE_LABEL}=idle`);
      expect(pods).toHaveLength(2);
      return pods;
    });

  /** Waits until Argo CD has compared everything anew, twice: once it may have been at it already. */
  async function comparedTwice(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      const before = (await argocd.get(APPLICATION)).status?.reconciledAt;
      await eventually(async () => expect((await argocd.get(APPLICATION)).status?.reconciledAt).not.toBe(before));
    }
  }

  it('brings definition, operator and rooms one after the other, and what comes next when the idle Pods are there', async () => {
    ground.git.write('clusters/staging/apps/opened.yaml', opened(scene.namespace));
    await fleet.push('Say when the rooms are open');
    const [application] = exampleObjects('clusters/staging/argocd.yaml');
    const spec = application?.spec as { source: { repoURL: string }; syncPolicy: { retry: { backoff: object } } };
    spec.source.repoURL = ground.git.url;
    spec.syncPolicy.retry.backoff = { duration: '2s', factor: 1 };
    await argocd.create(application ?? {});
    await eventually(async () => {
      const application = await argocd.get(APPLICATION);
      expect(application.status?.operationState).toMatchObject({
        phase: 'Running',
        message: 'waiting for healthy state of apps.paia.tech/HotStandbyDeployment/rooms',
      });
      const health = healthOf(application, 'HotStandbyDeployment');
      expect(health).toEqual({ status: 'Progressing', message: 'Waiting for the operator' });
    });
    const announcement = `/api/v1/namespaces/${scene.namespace}/configmaps/opened`;
    expect(await scene.exists(announcement)).toBe(false);

    await ground.startOperator();
    const { status } = await healthyAt();
    expect(healthOf({ status } as Application, 'HotStandbyDeployment')).toEqual({
      status: 'Healthy',
      message: 'the child Deployment keeps the idle target',
    });
    await scene.settledAt(2);
    expect(await scene.exists(announcement)).toBe(true);

    const created = async (path: string) =>
      Date.parse((await scene.api.get<KubeObject>(path)).metadata.creationTimestamp ?? '');
    const definition = await created(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${CRD_NAME}`);
    const operator = await created(paths.deployments.one('hotstandby-system', 'hotstandby-operator'));
    const rooms = await created(paths.hsds.one(scene.namespace, HSD));
    expect(operator).toBeGreaterThan(definition);
    expect(rooms).toBeGreaterThan(operator);
  });

  it('sees no difference and no change of health in a burst of sessions', async () => {
    const { generation } = (await scene.hsd(HSD)).metadata;
    const before = (await argocd.get(APPLICATION)).status;
    const watch = await argocd.watch(APPLICATION);
    const sessions = new BusyWatch(scene);
    const busy: Pod[] = [];
    for (const target of [4, 6, 8]) {
      for (const pod of await idlePods()) {
        await sessions.start(pod);
        busy.push(pod);
      }
      await scene.childAt(HSD, target);
    }
    await comparedTwice();
    expect(await sessions.lost()).toEqual([]);
    for (const pod of busy) await sessions.end(pod);
    await scene.settledAt(2);
    await comparedTwice();
    await watch.stop();
    expect(watch.states).toEqual(['Synced/Healthy']);
    expect([...watch.operations]).toEqual([before?.operationState?.startedAt]);
    expect((await argocd.get(APPLICATION)).status?.history).toHaveLength(before?.history?.length ?? 0);
    expect((await scene.hsd(HSD)).metadata.generation).toBe(generation);
    // Tracked objects that are not in Git would be pruned.
    expect(JSON.stringify((await scene.child(HSD)).metadata)).not.toContain('argocd');
  });

  it('brings a pushed number to the Pods', async () => {
    for (const idleTarget of [4, 3, 5]) {
      fleet.edit({ idleTarget });
      const start = performance.now();
      const revision = await pushed(`Keep ${idleTarget} rooms`);
      await scene.settledAt(idleTarget);
      const atTarget = performance.now();
      await healthyAt(revision);
      note(
        `Argo CD, ${idleTarget} idle Pods: git push -> Pods at target ${seconds(atTarget - start)}, Synced and Healthy ${seconds(performance.now() - start)} (told by webhook)`,
      );
    }
    fleet.edit({ idleTarget: 2 });
    const start = performance.now();
    await fleet.push('Keep 2 rooms');
    await scene.settledAt(2);
    note(`Argo CD: git push -> Pods at target ${seconds(performance.now() - start)} (looking every 5 s)`);
    await healthyAt();
  });

  it('leaves a Pool alone that its action pause has paused, and takes it up by resume', async () => {
    await act('pause');
    await argocd.reached(APPLICATION, { sync: 'Synced', health: 'Suspended' });
    const [pod] = await scene.settledAt(2);
    await scene.setBusy(pod as Pod);
    await scene.status(HSD, { busyCount: 1 });
    await comparedTwice();
    expect((await scene.hsd(HSD)).spec.paused).toBe(true);
    await scene.settledAt(2);
    await act('resume');
    await healthyAt();
    expect((await scene.hsd(HSD)).spec).not.toHaveProperty('paused');
    await scene.settledAt(3);
    await scene.setBusy(pod as Pod, null);
    await scene.settledAt(2);
  });

  it('replaces the idle Pods by its action restart and keeps the busy one', async () => {
    const before = await scene.settledAt(2);
    const sessions = new BusyWatch(scene);
    await sessions.start(before[0] as Pod);
    await scene.settledAt(3);
    const first = new Set((await scene.pods()).map(({ metadata }) => metadata.uid));
    const busy = before[0]?.metadata.uid;
    await act('restart');
    await eventually(async () => {
      const pods = await scene.settledAt(3);
      expect(pods.filter(({ metadata }) => first.has(metadata.uid)).map(({ metadata }) => metadata.uid)).toEqual([
        busy,
      ]);
    });
    await idlePods();
    await comparedTwice();
    await healthyAt();
    expect(await sessions.lost()).toEqual([]);
    await sessions.end(before[0] as Pod);
    await eventually(async () => {
      const uids = (await scene.settledAt(2)).map(({ metadata }) => metadata.uid);
      expect(uids).not.toContain(busy);
    });
  });

  it('says Degraded, with the reason, of a template that the API server refuses', async () => {
    const { podTemplate } = (await scene.hsd(HSD)).spec;
    const uids = (await scene.settledAt(2)).map(({ metadata }) => metadata.uid);
    fleet.edit({ podTemplate: REFUSED_TEMPLATE.podTemplate });
    const application = await argocd.reached(APPLICATION, {
      sync: 'Synced',
      health: 'Degraded',
      revision: await pushed('Break the template'),
    });
    const health = healthOf(application, 'HotStandbyDeployment');
    expect(health?.message).toContain(REFUSED_TEMPLATE.says);
    expect((await scene.pods()).map(({ metadata }) => metadata.uid)).toEqual(uids);
    fleet.edit({ podTemplate });
    await healthyAt(await pushed('Mend the template'));
  });

  it('fails to sync, with the reason, a spec that its definition refuses', async () => {
    fleet.edit({ minReplicas: 20 });
    const revision = await pushed('Ask for more than there may be');
    await eventually(async () => {
      const { status } = await argocd.get(APPLICATION);
      expect(status?.operationState?.syncResult?.revision).toBe(revision);
      const refused = status?.operationState?.syncResult?.resources?.find(({ name }) => name === HSD);
      expect(refused?.message).toMatch(/minReplicas.*20.*maxReplicas.*10|maxReplicas.*10.*minReplicas.*20/);
    });
    fleet.edit({ minReplicas: 0 });
    await healthyAt(await pushed('Ask for less'));
  });

  it('prunes a hsd taken out of Git when its sessions have ended', async () => {
    const [pod] = await scene.settledAt(2);
    const sessions = new BusyWatch(scene);
    await sessions.start(pod as Pod);
    await scene.settledAt(3);
    fleet.removeHsd();
    await pushed('Close the rooms');
    await eventually(async () => {
      expect((await scene.hsd(HSD)).metadata.deletionTimestamp).toBeDefined();
      expect((await scene.pods()).map(({ metadata }) => metadata.name)).toEqual([pod?.metadata.name]);
    });
    await comparedTwice();
    expect(await sessions.lost()).toEqual([]);
    expect(healthOf(await argocd.get(APPLICATION), 'HotStandbyDeployment')?.status).toBe('Progressing');
    await sessions.end(pod as Pod);
    await eventually(() => expect(scene.hsd(HSD)).rejects.toThrow(ApiError));
    await healthyAt();
    await scene.settledAt(0);
  });

  /** What Argo CD's server does for a click: the script's result as a merge patch. */
  async function act(action: string): Promise<void> {
    const path = paths.hsds.one(scene.namespace, HSD);
    const live = await scene.api.get<HsdObject>(path);
    const request: LuaRequest = { run: 'action', action, object: live };
    const [[impact]] = (await runLua(CONFIG, [request])) as [[{ resource: object }]];
    await scene.api.mergePatch(path, mergePatch(live, impact.resource));
  }
});

/** Something that is to come after the rooms. */
function opened(namespace: string): string {
  const annotations = { 'argocd.argoproj.io/sync-wave': '1' };
  return toManifest([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'opened', namespace, annotations } }]);
}
