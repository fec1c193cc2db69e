import { paths } from '../../operator/kube/paths';
import type { HotStandbySpec } from '../../src/api/types';
import { consistently, eventually } from '../../tools/base/eventually';
import { freePorts } from '../../tools/cluster/ports';
import { OperatorProcess } from './support/operator';
import { hangs, PodServers, type Question, says } from './support/pod-servers';
import { type Pod, Scene } from './support/scene';

jest.setTimeout(120_000);

type Http = NonNullable<NonNullable<HotStandbySpec['busyProbe']>['http']>;

/** By the default `successIsBusy: true`. */
const busy = says(200, 'busy');
const idle = says(503, 'idle');

describe('http mode with real servers behind the Pods', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  let port: number;
  const fleets: PodServers[] = [];
  beforeAll(async () => {
    scene = await Scene.open('http');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    ({ port } = await freePorts(['port'], ['0.0.0.0']));
  });
  afterEach(async () => {
    await Promise.all(fleets.splice(0).map((fleet) => fleet.close()));
  });
  afterAll(async () => {
    expect(operator.errors).toEqual([]);
    await operator?.stop();
    await scene?.close();
  });

  const fleet = (app: string, first = idle, at = port): PodServers => {
    const servers = new PodServers(scene, `app=${app}`, at, first);
    fleets.push(servers);
    return servers;
  };
  const probe = (http: Http = {}): Pick<HotStandbySpec, 'busyProbe'> => ({
    busyProbe: { mode: 'http', http: { port, periodSeconds: 1, ...http } },
  });
  const create = async (app: string, idleTarget: number, http: Http = {}): Promise<Pod[]> => {
    await scene.createHsd(app, { idleTarget, selector: { matchLabels: { app } }, ...probe(http) });
    await scene.status(app, { availableCount: idleTarget, unknownCount: 0 });
    return scene.settledAt(idleTarget, `app=${app}`);
  };
  /** Waits until the newest spec has been carried out to its end. */
  const carriedOut = (name: string): Promise<void> =>
    eventually(async () => {
      const { metadata, status } = await scene.hsd(name);
      const ready = { type: 'Ready', status: 'True', observedGeneration: metadata.generation };
      expect(status?.conditions).toContainEqual(expect.objectContaining(ready));
    });
  const uids = async (app: string): Promise<string[]> =>
    (await scene.pods(`app=${app}`)).map((pod) => pod.metadata.uid);

  it('keeps busy + idleTarget Pods by what they answer on the default port and path', async () => {
    const servers = fleet('rooms', idle, 8080);
    const [one, two, three] = await create('rooms', 3, { port: undefined });
    expect(new Set(servers.all.map(({ ip }) => ip)).size).toBe(3);
    await scene.condition('rooms', 'Ready', 'True');

    servers.of(one).answer = busy;
    servers.of(two).answer = busy;
    await scene.childAt('rooms', 5);
    await scene.settledAt(5, 'app=rooms');
    await scene.status('rooms', { busyCount: 2, idleCount: 3, availableCount: 3, desiredReplicas: 5, unknownCount: 0 });
    await scene.condition('rooms', 'BusyProbeHealthy', 'True');

    servers.of(one).answer = idle;
    await scene.childAt('rooms', 4);
    await scene.settledAt(4, 'app=rooms');
    expect(await uids('rooms')).toContain(two?.metadata.uid);
    servers.of(two).answer = idle;
    await scene.childAt('rooms', 3);
    await scene.settledAt(3, 'app=rooms');
    await scene.status('rooms', { busyCount: 0, availableCount: 3, desiredReplicas: 3 });
    const asked = servers.all[0]?.questions[0];
    expect(asked).toMatchObject({ method: 'GET', path: '/busy' });
    expect(Object.keys(asked?.headers ?? {}).sort()).toEqual(['accept', 'connection', 'host', 'user-agent']);
    expect(three).toBeDefined();
  });

  it('asks at its own port and path, and takes success for idle when told so', async () => {
    const { other } = await freePorts(['other'], ['0.0.0.0']);
    const servers = fleet('inverse', says(200), other);
    const [pod] = await create('inverse', 2, { port: other, path: '/state?of=room%201', successIsBusy: false });
    expect(servers.of(pod).questions[0]?.path).toBe('/state?of=room%201');
    servers.of(pod).answer = says(404);
    await scene.childAt('inverse', 3);
    await scene.status('inverse', { busyCount: 1, availableCount: 2 });
    servers.of(pod).answer = says(204);
    await scene.childAt('inverse', 2);
    await scene.settledAt(2, 'app=inverse');
  });

  it('asks every hsd at its own period', async () => {
    const fast = fleet('fast');
    const slow = fleet('slow');
    const [[quick], [lazy]] = await Promise.all([
      create('fast', 1, { periodSeconds: 1 }),
      create('slow', 1, { periodSeconds: 3 }),
    ]);
    await eventually(() => expect(slow.of(lazy).questions.length).toBeGreaterThanOrEqual(5));
    // The first question comes whenever the Pod does, the others by the period.
    expect(meanIntervalMs(slow.of(lazy).questions.slice(1))).toBeCloseTo(3_000, -3);
    expect(meanIntervalMs(fast.of(quick).questions.slice(1))).toBeCloseTo(1_000, -3);
    await scene.patchHsd('slow', probe({ periodSeconds: 1 }));
    const before = slow.of(lazy).questions.length;
    await eventually(() => expect(slow.of(lazy).questions.length).toBeGreaterThanOrEqual(before + 5));
    expect(meanIntervalMs(slow.of(lazy).questions.slice(before + 1))).toBeCloseTo(1_000, -3);
  });

  it('does not know what a Pod does that answers too late, and never ends it', async () => {
    const servers = fleet('late');
    const [late] = await create('late', 3);
    servers.of(late).answer = hangs;
    await scene.status('late', { unknownCount: 1, availableCount: 2, busyCount: 0 });
    const unhealthy = await scene.condition('late', 'BusyProbeHealthy', 'False');
    expect(unhealthy).toMatchObject({
      reason: 'ProbesFailing',
      message: expect.stringMatching(/^1 Ready Pod.*http\.port/),
    });

    await scene.patchHsd('late', { idleTarget: 0 });
    await scene.settledAt(1, 'app=late');
    const asked = servers.of(late).questions.length;
    await eventually(() => expect(servers.of(late).questions.length).toBeGreaterThan(asked + 1));
    expect(await uids('late')).toEqual([late?.metadata.uid]);

    // An answer after 1.5 s is an answer when the hsd waits for 3 s: this one says idle, so the Pod may go.
    servers.of(late).answer = (response) => void setTimeout(() => response.writeHead(503).end(), 1_500);
    await scene.patchHsd('late', probe({ timeoutSeconds: 3 }));
    await scene.settledAt(0, 'app=late');
    await scene.condition('late', 'BusyProbeHealthy', 'True');
  });

  it.each([
    ['a body of 20 KiB', '', 20 * 1024],
    ['a body without end', 'endless', 0],
  ])('takes the status of an answer with %s', async (_title, endless, bytes) => {
    const app = endless === '' ? 'long' : 'endless';
    const servers = fleet(app);
    const [pod] = await create(app, 1);
    servers.of(pod).answer = (response) => {
      response.writeHead(200);
      if (endless === '') response.end('x'.repeat(bytes));
      else pour(response);
    };
    await scene.status(app, { busyCount: 1, unknownCount: 0 });
    servers.of(pod).answer = says(503, 'x'.repeat(20 * 1024));
    await scene.status(app, { busyCount: 0, unknownCount: 0, availableCount: 1 });
  });

  it('does not follow a redirect: it is an answer like any other', async () => {
    const servers = fleet('moved');
    const [from, to] = await create('moved', 2);
    const elsewhere = `http://${servers.of(to).ip}:${port}/elsewhere`;
    servers.of(from).answer = (response) => void response.writeHead(302, { location: elsewhere }).end();
    await scene.status('moved', { busyCount: 1, unknownCount: 0, availableCount: 2 });
    const asked = servers.of(from).questions.length;
    await eventually(() => expect(servers.of(from).questions.length).toBeGreaterThan(asked + 1));
    expect(new Set(servers.of(to).questions.map(({ path }) => path))).toEqual(new Set(['/busy']));
  });

  it('keeps a Pod busy whose server died in its session, through a scale-down and a new template', async () => {
    const servers = fleet('dead');
    const [dead, ...others] = await create('dead', 2);
    servers.of(dead).answer = busy;
    await scene.childAt('dead', 3);
    await scene.settledAt(3, 'app=dead');
    await servers.of(dead).close();
    await scene.status('dead', { busyCount: 1, unknownCount: 1, availableCount: 2 });

    await scene.patchHsd('dead', { idleTarget: 1 });
    await scene.settledAt(2, 'app=dead');
    await scene.patchHsd('dead', {
      podTemplate: { spec: { containers: [{ name: 'app', image: 'example.com/app:2' }] } },
    });
    await scene.status('dead', { busyCount: 1, detachedCount: 1, availableCount: 1, replicas: 2 });
    const left = await uids('dead');
    expect(left).toContain(dead?.metadata.uid);
    expect(left).not.toContain(others[0]?.metadata.uid);
    await consistently(async () => expect(await uids('dead')).toContain(dead?.metadata.uid), 3_000);

    await servers.of(dead).open();
    servers.of(dead).answer = idle;
    await eventually(async () => expect(await uids('dead')).not.toContain(dead?.metadata.uid));
    await scene.status('dead', { busyCount: 0, unknownCount: 0, availableCount: 1, detachedCount: 0 });
  });

  it('asks every Pod once more before it ends one, so sessions that came meanwhile survive', async () => {
    const servers = fleet('last');
    const pods = await create('last', 3);
    await scene.patchHsd('last', probe({ periodSeconds: 3600 }));
    const counts = (): number[] => pods.map((pod) => servers.of(pod).questions.length);
    await eventually(async () => {
      const before = counts();
      await consistently(() => expect(counts()).toEqual(before), 1_500);
    });
    // From here on nobody asks for an hour, but for the questions before the end of any.
    for (const pod of pods) servers.of(pod).answer = busy;
    await scene.patchHsd('last', { idleTarget: 1 });
    await scene.childAt('last', 4);
    await scene.status('last', { busyCount: 3, drainingCount: 0, desiredReplicas: 4 });
    expect(await uids('last')).toEqual(expect.arrayContaining(pods.map((pod) => pod.metadata.uid)));
  });

  it('asks a Pod anew when it becomes Ready, not a period later', async () => {
    await scene.createHsd('fresh', {
      idleTarget: 1,
      selector: { matchLabels: { app: 'fresh' } },
      ...probe({ periodSeconds: 3600 }),
    });
    const [pod] = await scene.settledAt(1, 'app=fresh');
    await scene.status('fresh', { unknownCount: 1, availableCount: 0 });
    const path = paths.pods.one(scene.namespace, pod?.metadata.name ?? '', 'status');
    const become = (status: string): Promise<unknown> => {
      const condition = { type: 'Ready', status, lastTransitionTime: new Date().toISOString() };
      return scene.api.mergePatch(path, { status: { conditions: [condition] } });
    };
    await become('False');
    await scene.status('fresh', { readyReplicas: 0 });
    const servers = fleet('fresh');
    await eventually(() => servers.of(pod));
    await become('True');
    await scene.status('fresh', { unknownCount: 0, availableCount: 1 });
  });

  it('never connects to a Pod of the host network', async () => {
    const servers = fleet('host');
    const containers = [{ name: 'app', image: 'example.com/app:1' }];
    await scene.createHsd('host', {
      idleTarget: 1,
      selector: { matchLabels: { app: 'host' } },
      podTemplate: { spec: { hostNetwork: true, containers } },
      ...probe(),
    });
    await scene.status('host', { unknownCount: 1, busyCount: 0, availableCount: 0 });
    await scene.condition('host', 'BusyProbeHealthy', 'False');
    await eventually(() => expect(servers.all).toHaveLength(1));
    await consistently(() => expect(servers.all[0]?.questions).toEqual([]), 2_500);
  });

  it('switches from the annotation to http and back without losing a session', async () => {
    const servers = fleet('switch');
    await scene.createHsd('switch', { idleTarget: 2, selector: { matchLabels: { app: 'switch' } } });
    const [held] = await scene.settledAt(2, 'app=switch');
    await scene.setBusy(held as Pod);
    await scene.settledAt(3, 'app=switch');
    await eventually(() => {
      servers.of(held).answer = busy;
    });

    await scene.patchHsd('switch', probe());
    await carriedOut('switch');
    await scene.status('switch', { busyCount: 1, availableCount: 2, unknownCount: 0, replicas: 3 });
    expect(await uids('switch')).toContain(held?.metadata.uid);
    const [fresh] = (await scene.pods('app=switch')).filter((pod) => pod.metadata.uid !== held?.metadata.uid);
    servers.of(fresh).answer = busy;
    await scene.status('switch', { busyCount: 2, availableCount: 2, replicas: 4 });

    // A Pod that was started for probes is asked on, one that was started for the annotation marks itself on.
    await scene.patchHsd('switch', { busyProbe: { mode: 'annotation' } });
    await carriedOut('switch');
    await scene.status('switch', { busyCount: 2, availableCount: 2, unknownCount: 0, replicas: 4, detachedCount: 2 });
    expect(await uids('switch')).toEqual(expect.arrayContaining([held?.metadata.uid, fresh?.metadata.uid]));
    servers.of(fresh).answer = idle;
    await scene.status('switch', { busyCount: 1, availableCount: 2, replicas: 3 });
    await scene.setBusy(held as Pod, null);
    await scene.status('switch', { busyCount: 0, availableCount: 2, detachedCount: 0, replicas: 2 });
  });
});

function meanIntervalMs(questions: readonly Question[]): number {
  const [first, last] = [questions.at(0), questions.at(-1)];
  return ((last?.atMs ?? 0) - (first?.atMs ?? 0)) / (questions.length - 1);
}

/** Writes as long as somebody reads. */
function pour(response: NodeJS.WritableStream & { destroyed: boolean }): void {
  if (response.destroyed) return;
  response.write('x'.repeat(1024), () => setImmediate(pour, response));
}
