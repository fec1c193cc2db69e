/** Every query of the dashboard and every alert, by a real Prometheus that reads a real operator. */
import { ALERT_RULES, ALERTS } from '../../src/install/alerts';
import { DASHBOARD_PANELS } from '../../src/install/dashboard-panels';
import { eventually } from '../../tools/base/eventually';
import { OperatorProcess } from './support/operator';
import { hasPrometheus, Prometheus } from './support/prometheus';
import { type Pod, Scene } from './support/scene';

jest.setTimeout(120_000);

/** What Grafana puts in place of its variables when everything is chosen; seconds stand for its minutes. */
const VARIABLES: Readonly<Record<string, string>> = {
  $cluster: '.*',
  $namespace: '.*',
  $name: '.*',
  $__rate_interval: '10s',
  $__range: '1m',
};
const asGrafanaAsks = (expr: string): string =>
  expr.replace(/\$\w+/g, (variable) => VARIABLES[variable] ?? `no value for ${variable}`);

const QUERIES = DASHBOARD_PANELS.flatMap(({ title, queries }) => queries.map(({ expr }) => [title, expr] as const));

(hasPrometheus ? describe : describe.skip)('a real Prometheus (skipped without one)', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  let prometheus: Prometheus;

  beforeAll(async () => {
    scene = await Scene.open('prometheus');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    const [, target = ''] = /"address":"([^"]+)","msg":"serving health and metrics"/.exec(operator.output) ?? [];
    prometheus = await Prometheus.start({ [target]: { namespace: scene.namespace } }, ALERT_RULES);
    await scene.createHsd('rooms', { idleTarget: 2 });
    // Nobody answers: probes have a state and a reason all the same.
    await scene.createHsd('asked', {
      idleTarget: 1,
      selector: { matchLabels: { app: 'asked' } },
      busyProbe: { mode: 'http', http: { periodSeconds: 1 } },
    });
    await scene.settledAt(2, 'app=rooms');
  });
  afterAll(async () => {
    await prometheus?.stop();
    await operator?.stop();
    await scene?.close();
  });

  /** Rates need something that happens while they are looked at. */
  async function flip(): Promise<void> {
    const [pod] = (await scene.settledAt(2, 'app=rooms')) as [Pod];
    await scene.setBusy(pod);
    await scene.childAt('rooms', 3);
    await scene.setBusy(pod, null);
    await scene.childAt('rooms', 2);
  }

  it.each(QUERIES)('has an answer for the panel %s: %s', async (_title, expr) => {
    await eventually(async () => {
      const samples = await prometheus.query(asGrafanaAsks(expr));
      if (samples.every(({ value: [, text] }) => text === 'NaN')) await flip();
      expect(samples.filter(({ value: [, text] }) => text !== 'NaN')).not.toEqual([]);
    });
  });

  it('evaluates every alert', async () => {
    await eventually(async () => {
      const rules = await prometheus.rules();
      expect(rules.map(({ name }) => name)).toEqual(ALERTS.map(({ alert }) => alert));
      expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    });
  });

  it('tells of a pool that is stalled, by its name', async () => {
    const podTemplate = { spec: { containers: [{ name: 'Not a name', image: 'example.com/app' }] } };
    await scene.createHsd('broken', { idleTarget: 1, selector: { matchLabels: { app: 'broken' } }, podTemplate });
    await scene.condition('broken', 'Stalled', 'True');
    await eventually(async () => {
      const samples = await prometheus.query('hotstandby_stalled == 1');
      expect(samples.map(({ metric }) => metric.name)).toEqual(['broken']);
    });
  });
});
