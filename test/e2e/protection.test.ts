import { budgetSpec } from '../../operator/decide/budget';
import { ApiError } from '../../operator/kube/errors';
import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import { budgetName, DEFAULT_BUSY_ANNOTATION, DRAIN_FINALIZER, NAME_LABEL, STATE_LABEL } from '../../src/api/names';
import { consistently, eventually } from '../../tools/base/eventually';
import { OperatorProcess } from './support/operator';
import { BusyWatch, type Pod, Scene } from './support/scene';

jest.setTimeout(180_000);

type Budget = KubeObject & {
  spec: ReturnType<typeof budgetSpec>;
  status?: { disruptionsAllowed: number; currentHealthy: number; desiredHealthy: number; expectedPods: number };
};

describe('sessions, protected', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  beforeAll(async () => {
    scene = await Scene.open('protect');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.close();
  });

  const labels = (app: string): { selector: { matchLabels: Record<string, string> } } => ({
    selector: { matchLabels: { app } },
  });
  const budgetPath = (name: string): string => paths.podDisruptionBudgets.one(scene.namespace, budgetName(name));
  const evict = (pod: Pod): Promise<unknown> =>
    scene.api.create(paths.pods.one(scene.namespace, pod.metadata.name, 'eviction'), {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod.metadata.name, namespace: scene.namespace },
    });
  const refused = async (pod: Pod): Promise<void> => {
    const error = await evict(pod).then(
      () => new Error('the eviction was allowed'),
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).code).toBe(429);
  };
  const dropReadiness = (pod: Pod): Promise<unknown> => {
    const unready = [{ type: 'Ready', status: 'False', lastTransitionTime: new Date().toISOString() }];
    const path = paths.pods.one(scene.namespace, pod.metadata.name, 'status');
    return scene.api.mergePatch(path, { status: { conditions: unready } });
  };
  /** Waits for the disruption controller's arithmetic about so many busy Pods. */
  const budgetAt = (name: string, busy: number, healthy = busy): Promise<void> =>
    eventually(async () => {
      const budget = await scene.api.get<Budget>(budgetPath(name));
      const { minAvailable } = budgetSpec({ name });
      expect(budget.spec.minAvailable).toBe(minAvailable);
      expect(budget.status).toMatchObject({
        disruptionsAllowed: 0,
        desiredHealthy: minAvailable,
        currentHealthy: healthy,
        expectedPods: busy,
      });
    });

  it('refuses the eviction of busy Pods, attached and detached, and allows that of idle ones', async () => {
    const sessions = new BusyWatch(scene);
    await scene.createHsd('evict', { ...labels('evict'), idleTarget: 2 });
    const [first] = await scene.settledAt(2, 'app=evict');
    await budgetAt('evict', 0);
    await sessions.start(first as Pod);
    await budgetAt('evict', 1);
    await refused(first as Pod);

    await scene.patchHsd('evict', {
      podTemplate: { spec: { containers: [{ name: 'app', image: 'example.com/app:2' }] } },
    });
    await scene.status('evict', { detachedCount: 1, availableCount: 2, busyCount: 1 });
    const [second] = await scene.readyPods(`app=evict,${STATE_LABEL}=idle`);
    await sessions.start(second as Pod);
    await budgetAt('evict', 2);
    await refused(first as Pod);
    await refused(second as Pod);
    await dropReadiness(first as Pod);
    await budgetAt('evict', 2, 1);
    await refused(first as Pod);
    await refused(second as Pod);
    const [idle] = await scene.readyPods(`app=evict,${STATE_LABEL}=idle`);
    await evict(idle as Pod);
    expect(await sessions.lost()).toEqual([]);

    await sessions.end(first as Pod);
    await sessions.end(second as Pod);
    await scene.patchHsd('evict', { idleTarget: 0 });
    await eventually(async () => expect(await scene.exists(budgetPath('evict'))).toBe(false));
  });

  it('mends a budget that counts busy Pods, as operators of before 0.2.0 made them, once', async () => {
    await scene.createHsd('mend', { ...labels('mend'), idleTarget: 1 });
    await scene.settledAt(1, 'app=mend');
    const spec = { minAvailable: 1, selector: { matchLabels: { more: 'narrow' } } };
    await scene.api.mergePatch(budgetPath('mend'), { spec });
    const mended = await eventually(async () => {
      const budget = await scene.api.get<Budget>(budgetPath('mend'));
      expect(budget.spec).toEqual(budgetSpec({ name: 'mend' }));
      return budget;
    });
    const [pod] = await scene.settledAt(1, 'app=mend');
    await scene.setBusy(pod as Pod);
    await budgetAt('mend', 1);
    expect((await scene.api.get<Budget>(budgetPath('mend'))).metadata.generation).toBe(mended.metadata.generation);
  });

  it('takes idle Pods on a cordoned node out of service, replaces them elsewhere and keeps the busy one', async () => {
    const sessions = new BusyWatch(scene);
    await scene.createHsd('cordon', { ...labels('cordon'), idleTarget: 4 });
    const pods = await scene.settledAt(4, 'app=cordon');
    const [busy] = pods;
    await sessions.start(busy as Pod);
    await scene.settledAt(5, 'app=cordon');
    const node = (busy as Pod & { spec: { nodeName: string } }).spec.nodeName;
    await scene.api.mergePatch(`/api/v1/nodes/${node}`, { spec: { unschedulable: true } });
    try {
      await eventually(async () => {
        const idle = (await scene.readyPods(`app=cordon,${STATE_LABEL}=idle`)) as (Pod & {
          spec: { nodeName: string };
        })[];
        expect(idle.filter((pod) => pod.spec.nodeName === node)).toEqual([]);
        expect(idle).toHaveLength(4);
        expect(await scene.pods('app=cordon')).toHaveLength(5);
      });
      expect(await sessions.lost()).toEqual([]);
    } finally {
      await scene.api.mergePatch(`/api/v1/nodes/${node}`, { spec: { unschedulable: null } });
    }
    await scene.status('cordon', { busyCount: 1, availableCount: 4, replicas: 5 });
  });

  it('never goes below busy when maxReplicas is lowered', async () => {
    const sessions = new BusyWatch(scene);
    await scene.createHsd('lower', { ...labels('lower'), idleTarget: 1 });
    for (let busy = 0; busy < 3; busy += 1) {
      const [pod] = await eventually(async () => {
        // The label follows the scale call: for a moment a Pod just taken still says idle.
        const idle = await scene.readyPods(`app=lower,${STATE_LABEL}=idle`);
        const free = idle.filter((p) => p.metadata.annotations?.[DEFAULT_BUSY_ANNOTATION] === undefined);
        expect(free.length).toBeGreaterThan(0);
        return free;
      });
      await sessions.start(pod as Pod);
      await scene.childAt('lower', busy + 2);
    }
    await scene.patchHsd('lower', { maxReplicas: 1 });
    await scene.childAt('lower', 3);
    await scene.settledAt(3, 'app=lower');
    await scene.status('lower', { busyCount: 3, desiredReplicas: 3, availableCount: 0 });
    expect(await sessions.lost()).toEqual([]);
  });

  it('writes nothing but the status while paused', async () => {
    await scene.createHsd('paused', { ...labels('paused'), idleTarget: 2 });
    const pods = await scene.settledAt(2, 'app=paused');
    await scene.condition('paused', 'Ready', 'True');
    await scene.patchHsd('paused', { paused: true });
    await eventually(async () => expect((await scene.condition('paused', 'Ready', 'True')).reason).toBe('Paused'));
    await scene.setBusy(pods[0] as Pod);
    await scene.status('paused', { busyCount: 1, desiredReplicas: 3 });
    await consistently(async () => expect((await scene.child('paused')).spec?.replicas).toBe(2), 1_500);
    expect((await scene.pod(pods[0]?.metadata.name ?? '')).metadata.labels?.[STATE_LABEL]).toBe('idle');
    await scene.patchHsd('paused', { paused: null });
    await scene.childAt('paused', 3);
    await scene.condition('paused', 'Ready', 'True');
  });

  it('scales down only when the stabilization window has passed, also after a restart, and up at once', async () => {
    const window = 6;
    const behavior = { scaleDown: { stabilizationWindowSeconds: window } };
    await scene.createHsd('window', { ...labels('window'), idleTarget: 1, behavior });
    const [pod] = await scene.settledAt(1, 'app=window');
    await scene.setBusy(pod as Pod);
    await scene.childAt('window', 2);
    await scene.settledAt(2, 'app=window');
    await scene.setBusy(pod as Pod, null);
    const freed = performance.now();
    const limited = await scene.condition('window', 'ScalingLimited', 'True');
    expect(limited.reason).toBe('ScaleDownStabilized');
    await operator.stop('SIGKILL');
    const restarted = performance.now();
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    await scene.childAt('window', 1);
    expect(performance.now() - freed).toBeGreaterThan(window * 1000);
    expect(performance.now() - restarted).toBeGreaterThan(window * 1000);
    await scene.status('window', { desiredReplicas: 1, replicas: 1 });
  });

  it('drains a deleted hsd with onDelete: Drain: idle Pods go, the busy one stays until its session ends', async () => {
    const sessions = new BusyWatch(scene);
    await scene.createHsd('drain', { ...labels('drain'), idleTarget: 2, sessions: { onDelete: 'Drain' } });
    const [pod] = await scene.settledAt(2, 'app=drain');
    await eventually(async () => expect((await scene.hsd('drain')).metadata.finalizers).toContain(DRAIN_FINALIZER));
    await sessions.start(pod as Pod);
    await scene.settledAt(3, 'app=drain');
    await scene.api.delete(paths.hsds.one(scene.namespace, 'drain'));
    await scene.settledAt(1, 'app=drain');
    const waiting = await eventually(async () => {
      const condition = await scene.condition('drain', 'Ready', 'False');
      expect(condition.reason).toBe('Draining');
      return condition;
    });
    expect(waiting.message).toContain(pod?.metadata.name);
    expect(await sessions.lost()).toEqual([]);
    await sessions.end(pod as Pod);
    await eventually(async () => {
      expect(await scene.exists(paths.hsds.one(scene.namespace, 'drain'))).toBe(false);
      expect(await scene.allPods('app=drain')).toEqual([]);
    });
  });

  it('releases a draining hsd when onDelete is set to Delete', async () => {
    await scene.createHsd('release', { ...labels('release'), idleTarget: 1, sessions: { onDelete: 'Drain' } });
    const [pod] = await scene.settledAt(1, 'app=release');
    await eventually(async () => expect((await scene.hsd('release')).metadata.finalizers).toContain(DRAIN_FINALIZER));
    await scene.setBusy(pod as Pod);
    await scene.settledAt(2, 'app=release');
    await scene.api.delete(paths.hsds.one(scene.namespace, 'release'));
    await scene.condition('release', 'Ready', 'False');
    await scene.patchHsd('release', { sessions: { onDelete: 'Delete' } });
    await eventually(async () => {
      expect(await scene.exists(paths.hsds.one(scene.namespace, 'release'))).toBe(false);
      expect(await scene.allPods('app=release')).toEqual([]);
    });
  });

  it('keeps the old idle Pods when the Pods of a new template never become available, says so, and recovers', async () => {
    await scene.createHsd('stuck', { ...labels('stuck'), idleTarget: 2, progressDeadlineSeconds: 2 });
    await scene.settledAt(2, 'app=stuck');
    // No node has this label: the new Pods stay Pending.
    const impossible = {
      spec: { containers: [{ name: 'app', image: 'example.com/app:2' }], nodeSelector: { no: 'where' } },
    };
    await scene.patchHsd('stuck', { podTemplate: impossible });
    const stalled = await scene.condition('stuck', 'Stalled', 'True');
    expect(stalled).toMatchObject({
      reason: 'ProgressDeadlineExceeded',
      message: expect.stringMatching(/2 idle Pods of the old one keep serving/),
    });
    await scene.status('stuck', { availableCount: 2 });
    expect(await scene.readyPods(`app=stuck,${STATE_LABEL}=idle`)).toHaveLength(2);
    await scene.patchHsd('stuck', {
      podTemplate: { spec: { containers: [{ name: 'app', image: 'example.com/app:1' }], nodeSelector: null } },
    });
    await scene.condition('stuck', 'Ready', 'True');
    await scene.settledAt(2, 'app=stuck');
    await scene.condition('stuck', 'Stalled', 'False');
  });

  it('passes minReadySeconds, revisionHistoryLimit and progressDeadlineSeconds on, and counts availability by them', async () => {
    await scene.createHsd('settings', {
      ...labels('settings'),
      idleTarget: 1,
      minReadySeconds: 2,
      revisionHistoryLimit: 3,
      progressDeadlineSeconds: 120,
    });
    const [pod] = await scene.settledAt(1, 'app=settings');
    expect((await scene.child('settings')).spec).toMatchObject({
      minReadySeconds: 2,
      revisionHistoryLimit: 3,
      progressDeadlineSeconds: 120,
    });
    await scene.status('settings', { availableCount: 1 });
    const ready = ((pod as Pod).status?.conditions ?? []).find((c) => c.type === 'Ready');
    expect(Date.now() - Date.parse(ready?.lastTransitionTime ?? '')).toBeGreaterThan(2_000);
    const before = (await scene.pods('app=settings')).map((p) => p.metadata.uid);
    await scene.patchHsd('settings', { revisionHistoryLimit: null, minReadySeconds: null });
    await eventually(async () =>
      expect((await scene.child('settings')).spec).toMatchObject({ revisionHistoryLimit: 10 }),
    );
    expect((await scene.pods('app=settings')).map((p) => p.metadata.uid)).toEqual(before);
  });

  it('does not touch a PodDisruptionBudget of the same name that belongs to somebody else', async () => {
    const foreign = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: budgetName('pdb') },
      spec: { minAvailable: 7, selector: { matchLabels: { [NAME_LABEL]: 'other' } } },
    };
    await scene.api.create(paths.podDisruptionBudgets.list(scene.namespace), foreign);
    await scene.createHsd('pdb', { ...labels('pdb'), idleTarget: 1 });
    const [pod] = await scene.settledAt(1, 'app=pdb');
    await scene.setBusy(pod as Pod);
    await scene.childAt('pdb', 2);
    await scene.status('pdb', { busyCount: 1, availableCount: 1 });
    expect((await scene.api.get<Budget>(budgetPath('pdb'))).spec.minAvailable).toBe(7);
    await eventually(async () => expect((await scene.events('pdb')).map((e) => e.reason)).toContain('BudgetConflict'));
  });
});
