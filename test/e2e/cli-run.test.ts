import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import { STATE_LABEL } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { metricValue } from '../../tools/base/metric-value';
import { installNamespaced } from './support/namespaced';
import { OperatorProcess } from './support/operator';
import { BusyWatch, type Pod, Scene } from './support/scene';

jest.setTimeout(180_000);

const labels = (app: string): { selector: { matchLabels: Record<string, string> } } => ({
  selector: { matchLabels: { app } },
});

describe('a running operator', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.open('run');
  });
  afterEach(async () => {
    await scene?.close();
  });

  it('answers /healthz, /readyz and /metrics', async () => {
    const operator = await OperatorProcess.start({ namespace: scene.namespace });
    try {
      const sessions = new BusyWatch(scene);
      await scene.createHsd('rooms', { idleTarget: 2 });
      const [pod] = await scene.settledAt(2);
      await sessions.start(pod as Pod);
      await scene.status('rooms', { busyCount: 1, availableCount: 2 });
      await sessions.end(pod as Pod);
      await scene.status('rooms', { busyCount: 0, availableCount: 2, replicas: 2 });

      expect(await operator.ask('/healthz')).toEqual({
        status: 200,
        text: expect.stringMatching(/^\[\+\]queue ok\nok\n$/),
      });
      const ready = await operator.ask('/readyz');
      expect(ready).toEqual({ status: 200, text: '[+]caches ok\n[+]watches ok\nok\n' });
      expect((await operator.ask('/nothing')).status).toBe(404);

      const { text } = await operator.ask('/metrics');
      const hsd = { namespace: scene.namespace, name: 'rooms' };
      expect(metricValue(text, 'hotstandby_busy_pods_lost_total')).toBe(0);
      expect(metricValue(text, 'hotstandby_leader')).toBe(1);
      expect(metricValue(text, 'hotstandby_hsds')).toBe(1);
      expect(metricValue(text, 'hotstandby_available_pods', hsd)).toBe(2);
      expect(metricValue(text, 'hotstandby_busy_pods', hsd)).toBe(0);
      expect(metricValue(text, 'hotstandby_reaction_seconds_count')).toBe(1);
      expect(metricValue(text, 'hotstandby_reconcile_seconds_count')).toBeGreaterThan(0);
      expect(metricValue(text, 'hotstandby_api_requests_total', { verb: 'patch', code: '200' })).toBeGreaterThanOrEqual(
        4,
      );
      expect(metricValue(text, 'process_resident_memory_bytes')).toBeGreaterThan(0);
    } finally {
      await operator.stop();
    }
  });

  it('counts a busy Pod that somebody ends all the same', async () => {
    const operator = await OperatorProcess.start({ namespace: scene.namespace });
    try {
      await scene.createHsd('rooms', { idleTarget: 1 });
      const [pod] = await scene.settledAt(1);
      await scene.setBusy(pod as Pod);
      await scene.status('rooms', { busyCount: 1, availableCount: 1 });
      await scene.api.delete(paths.pods.one(scene.namespace, pod?.metadata.name ?? ''));
      await eventually(async () => {
        const { text } = await operator.ask('/metrics');
        expect(metricValue(text, 'hotstandby_busy_pods_lost_total')).toBe(1);
      });
      expect(operator.loggedAt('a busy Pod was ended')).toBeDefined();
      await scene.settledAt(1);
    } finally {
      await operator.stop();
    }
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('exits 0 within 10 s of %s while 50 hsds churn', async (signal) => {
    const operator = await OperatorProcess.start({ namespace: scene.namespace });
    const names = Array.from({ length: 50 }, (_, i) => `hsd-${i}`);
    await Promise.all(names.map((name) => scene.createHsd(name, { ...labels(name), idleTarget: 1 })));
    await eventually(async () => expect(await scene.readyPods()).toHaveLength(50));
    let churning = true;
    let turns = 0;
    const churn = async (share: readonly string[]): Promise<void> => {
      for (; churning; turns++) {
        const name = share[turns % share.length] ?? 'hsd-0';
        await scene.patchHsd(name, { idleTarget: turns % 3 });
      }
    };
    const churners = [0, 1, 2, 3].map((n) => churn(names.filter((_, i) => i % 4 === n)));
    let code: number | null;
    let seconds: number;
    try {
      await eventually(() => expect(turns).toBeGreaterThan(40));
      const asked = performance.now();
      code = await operator.stop(signal);
      seconds = (performance.now() - asked) / 1000;
    } finally {
      churning = false;
      await Promise.all(churners);
      await operator.stop('SIGKILL');
    }
    expect(code).toBe(0);
    expect(operator.errors).toEqual([]);
    expect(seconds).toBeLessThan(10);
  });
});

describe('two operators of which one leads', () => {
  let scene: Scene;
  const running: OperatorProcess[] = [];
  let start: () => Promise<OperatorProcess>;
  beforeAll(async () => {
    scene = await Scene.open('lead');
    const kubeconfig = await installNamespaced(scene.namespace);
    const args = ['--kubeconfig', kubeconfig, '--namespace', scene.namespace, '--health-address', '127.0.0.1:0'];
    start = async () => {
      const operator = OperatorProcess.spawn({
        args: [...args, '--admission-guard', '--leader-elect', '--lease-namespace', scene.namespace],
      });
      running.push(operator);
      await operator.whenReady();
      return operator;
    };
  });
  afterAll(async () => {
    await Promise.all(running.map((operator) => operator.stop('SIGKILL')));
    await scene?.close();
  });

  const leads = async (operator: OperatorProcess): Promise<boolean> =>
    metricValue((await operator.ask('/metrics')).text, 'hotstandby_leader') === 1;

  /** What one busy Pod makes of the pool: proves that somebody leads, and that nobody does it twice. */
  async function oneMore(sessions: BusyWatch, count: number): Promise<void> {
    await scene.settledAt(count, 'app=rooms');
    const [idle] = await eventually(async () => {
      const pods = await scene.readyPods(`app=rooms,${STATE_LABEL}=idle`);
      expect(pods.length).toBeGreaterThan(0);
      return pods;
    });
    await sessions.start(idle as Pod);
    await scene.childAt('rooms', count + 1);
    await scene.settledAt(count + 1, 'app=rooms');
    const deployments = await scene.api.list<KubeObject>(paths.deployments.list(scene.namespace));
    expect(deployments.items.map(({ metadata }) => metadata.name).sort()).toEqual([
      'hotstandby-operator',
      'rooms-workload',
    ]);
    const sets = (await scene.replicaSets()).filter((rs) => rs.metadata.labels?.app === 'rooms');
    expect(sets).toHaveLength(1);
    expect(await sessions.lost()).toEqual([]);
  }

  it('hands over at once on SIGTERM, and within the lease on SIGKILL, and never doubles anything', async () => {
    const sessions = new BusyWatch(scene);
    const first = await start();
    await eventually(async () => expect(await leads(first)).toBe(true));
    const second = await start();
    await scene.createHsd('rooms', { idleTarget: 2, ...labels('rooms') });
    await oneMore(sessions, 2);
    expect(await leads(second)).toBe(false);
    expect(await leads(first)).toBe(true);

    expect(await first.stop('SIGTERM')).toBe(0);
    const gone = Date.now();
    await eventually(() => expect(second.loggedAt('leading')).toBeDefined());
    const gapMs = (second.loggedAt('leading') ?? 0) - gone;
    await oneMore(sessions, 3);

    const third = await start();
    expect(await leads(third)).toBe(false);
    expect(await leads(second)).toBe(true);
    const killed = Date.now();
    await second.stop('SIGKILL');
    await oneMore(sessions, 4);
    const failoverMs = (third.loggedAt('leading') ?? 0) - killed;
    process.stderr.write(`failover: ${gapMs} ms after the end of an orderly stop, ${failoverMs} ms after SIGKILL\n`);
    expect(gapMs).toBeLessThan(1_000);
    // 15 s of lease from its last renewal on, and a candidate's next look.
    expect(failoverMs).toBeLessThan(18_000);
    expect(await third.stop('SIGTERM')).toBe(0);
  });
});
