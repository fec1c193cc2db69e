import { childManifest } from '../../../operator/decide/template';
import { ApiClient } from '../../../operator/kube/client';
import { WorkQueue } from '../../../operator/kube/queue';
import type { KubeObject } from '../../../operator/kube/types';
import { World } from '../../../operator/observe/world';
import { Reconciler } from '../../../operator/reconcile/reconciler';
import { Metrics } from '../../../operator/serve/metrics';
import { BUSY_KEY_ANNOTATION, NAME_LABEL, STATE_LABEL, TEMPLATE_HASH_ANNOTATION } from '../../../src/api/names';
import type { HotStandbyStatus } from '../../../src/api/types';
import { anHsd } from '../decide/builders';
import { FakeClock } from '../support/fake-clock';
import { HttpServer, type ReceivedRequest, sendJson, sendStatus } from '../support/http-server';
import { recordingLogger } from '../support/logger';

const hsd = anHsd();
const KEY = 'default/rooms';

/** The real pass over a pool of three Pods, two of them busy; the API server refuses what a test says. */
class Bench {
  readonly clock = new FakeClock();
  refused: (request: ReceivedRequest) => number | undefined = () => undefined;
  status: HotStandbyStatus | undefined;
  private readonly world: World;
  private readonly client: ApiClient;
  private readonly reconciler: Reconciler;
  private version = 100;

  private constructor(readonly server: HttpServer) {
    const { clock } = this;
    const logger = recordingLogger();
    const random = (): number => 0;
    this.client = new ApiClient({ server: server.url, tls: {} }, { userAgent: 'hotstandby/test' });
    const { client } = this;
    this.world = new World({ client, clock, random, logger, watchNodes: false, onChange: () => undefined });
    this.reconciler = new Reconciler({
      client,
      world: this.world,
      queue: new WorkQueue({ clock, random, logger }),
      prober: {
        setTargets: () => undefined,
        removeAll: () => undefined,
        clear: () => undefined,
        result: () => undefined,
        probeNow: () => Promise.resolve(undefined),
      },
      events: { record: () => undefined },
      metrics: new Metrics({ clock }),
      clock,
      logger,
      guarded: true,
      serverNow: () => clock.now(),
      isLeading: () => true,
    });
    this.fill();
  }

  static async open(): Promise<Bench> {
    const holder: { bench?: Bench } = {};
    const server = await HttpServer.start((request, response) => {
      const code = holder.bench?.refused(request);
      if (code !== undefined) sendStatus(response, code, 'Forbidden', 'a policy says no');
      else sendJson(response, 200, holder.bench?.answer(request));
    });
    holder.bench = new Bench(server);
    return holder.bench;
  }

  /** One pass; what it sent, as `PATCH pods/a`. */
  async pass(): Promise<string[]> {
    this.server.requests.length = 0;
    await this.reconciler.reconcile(KEY);
    return this.server.requests
      .filter(({ method }) => method !== 'GET')
      .map(({ method, path }) => `${method} ${path.split('/namespaces/default/')[1]}`);
  }

  condition(type: string): object | undefined {
    return this.status?.conditions?.find((condition) => condition.type === type);
  }

  async close(): Promise<void> {
    await this.client.close();
    await this.server.stop();
  }

  private metadata(name: string, fields: object): KubeObject['metadata'] {
    this.version += 1;
    const labels = { [NAME_LABEL]: 'rooms' };
    return { name, namespace: 'default', uid: name, resourceVersion: String(this.version), labels, ...fields };
  }

  private fill(): void {
    const owner = (kind: string, uid: string): object => ({
      ownerReferences: [{ apiVersion: 'v1', kind, name: uid, uid, controller: true }],
    });
    const hsdMetadata = { ...this.metadata('rooms', {}), uid: hsd.uid, generation: 1 };
    this.world.hsds.observe('default', { metadata: hsdMetadata, spec: hsd.spec } as KubeObject);
    const { spec } = childManifest(hsd, 3, false);
    const status = { observedGeneration: 1, replicas: 3 };
    const child = {
      metadata: this.metadata('rooms-workload', { ...owner('HotStandbyDeployment', hsd.uid), generation: 1 }),
    };
    this.world.deployments.observe('default', { ...child, ...{ spec, status } });
    const rs = { metadata: this.metadata('rs', { ...owner('Deployment', 'rooms-workload'), generation: 1 }) };
    this.world.replicaSets.observe('default', { ...rs, ...{ spec: { replicas: 3, template: spec.template }, status } });
    for (const name of ['a', 'b', 'c'])
      this.world.pods.observe('default', this.pod(name, owner('ReplicaSet', 'rs'), name !== 'c'));
  }

  private pod(name: string, fields: object, busy: boolean): KubeObject {
    const { template } = childManifest(hsd, 3, false).spec as unknown as {
      template: { metadata: KubeObject['metadata'] };
    };
    const annotations = { ...template.metadata.annotations, ...(busy && { 'paia.tech/busy': 'true' }) };
    expect(Object.keys(annotations)).toEqual(expect.arrayContaining([BUSY_KEY_ANNOTATION, TEMPLATE_HASH_ANNOTATION]));
    const labels = { [NAME_LABEL]: 'rooms', [STATE_LABEL]: 'idle' };
    const status = {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ state: { running: {} } }],
    };
    return { metadata: this.metadata(name, { ...fields, labels, annotations }), ...{ status } };
  }

  private answer({ path, body }: ReceivedRequest): object {
    if (path.endsWith('/status')) this.status = JSON.parse(body).status as HotStandbyStatus;
    return { metadata: this.metadata(path.split('/').at(-1) ?? '', {}) };
  }
}

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(() => bench.close());

const SCALE = 'PATCH deployments/rooms-workload/scale';
const MARKS = ['PATCH pods/a', 'PATCH pods/b'];
const BUDGET = 'POST poddisruptionbudgets';
const STATUS = 'PATCH hotstandbydeployments/rooms/status';

test('without a failure: the budget, the scale, the marks, the status', async () => {
  expect(await bench.pass()).toEqual([BUDGET, SCALE, ...MARKS, STATUS]);
});

test.each([
  ['the scale', /\/scale$/, 'Stalled', 'True'],
  ['the budget', /poddisruptionbudgets/, 'Stalled', 'False'],
  ['the mark of one Pod', /pods\/a$/, 'Stalled', 'False'],
])('%s refused stops nothing else, and is told at once', async (_what, path, type, status) => {
  bench.refused = (request) => (path.test(request.path) ? 403 : undefined);
  expect(await bench.pass()).toEqual([BUDGET, SCALE, ...MARKS, STATUS]);
  expect(bench.condition(type)).toMatchObject({ status });
  expect(JSON.stringify(bench.status)).toContain('a policy says no');
});

test.each([403, 409, 422, 429, 500])('what is answered %d is tried again later, and later each time', async (code) => {
  bench.refused = ({ path }) => (path.endsWith('pods/a') ? code : undefined);
  await bench.pass();
  const gaps: number[] = [];
  for (let waited = 0; gaps.length < 4; waited += 5) {
    bench.clock.advance(5);
    if (!(await bench.pass()).includes('PATCH pods/a')) continue;
    gaps.push(waited);
    waited = 0;
  }
  expect(gaps).toEqual([...gaps].sort((a, b) => a - b));
  expect(gaps[3]).toBeGreaterThan(gaps[0] ?? 0);
});
