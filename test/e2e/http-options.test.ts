import { networkInterfaces } from 'node:os';
import { paths } from '../../operator/kube/paths';
import { CertificateAuthority } from '../../operator/serve/pki';
import type { HotStandbySpec } from '../../src/api/types';
import { consistently, eventually } from '../../tools/base/eventually';
import { freePorts } from '../../tools/cluster/ports';
import { kubectl } from './support/kubectl';
import { OPERATOR_ACCOUNT } from './support/namespaced';
import { OperatorProcess } from './support/operator';
import { type Certificate, hangs, PodServer, PodServers, says } from './support/pod-servers';
import { type Pod, Scene } from './support/scene';

jest.setTimeout(120_000);

type Http = NonNullable<NonNullable<HotStandbySpec['busyProbe']>['http']>;

/** By the default `successIsBusy: true`. */
const busy = says(200);
const idle = says(503);

describe('what an http probe can be told', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  let port: number;
  const servers: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    scene = await Scene.open('http-options');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    ({ port } = await freePorts(['port'], ['0.0.0.0']));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  afterAll(async () => {
    expect(operator.errors).toEqual([]);
    await operator?.stop();
    await scene?.close();
  });

  const fleet = (app: string, certificate?: Certificate): PodServers => {
    const made = new PodServers(scene, `app=${app}`, port, idle, certificate);
    servers.push(made);
    return made;
  };
  const create = async (app: string, idleTarget: number, http: Http): Promise<Pod[]> => {
    const busyProbe = { mode: 'http' as const, http: { port, periodSeconds: 1, ...http } };
    await scene.createHsd(app, { idleTarget, selector: { matchLabels: { app } }, busyProbe });
    return scene.settledAt(idleTarget, `app=${app}`);
  };
  /** Gives a Pod another address, as only whoever may patch pods/status can. */
  const move = ({ metadata }: Pod, ip: string): Promise<unknown> =>
    scene.api.mergePatch(paths.pods.one(scene.namespace, metadata.name, 'status'), {
      status: { podIP: ip, podIPs: [{ ip }] },
    });
  /** The app of a Pod at an address that kwok does not give. */
  const serve = async (ip: string, certificate?: Certificate): Promise<PodServer> => {
    const server = new PodServer(ip, port, idle, certificate);
    await server.open();
    servers.push(server);
    return server;
  };

  it('asks over TLS and believes a certificate nobody has signed', async () => {
    const stranger = new CertificateAuthority('stranger');
    const pods = fleet('tls', stranger.issue({ commonName: 'x', dnsNames: ['x'], usages: ['server'] }));
    const [pod] = await create('tls', 1, { scheme: 'HTTPS' });
    await scene.status('tls', { availableCount: 1, unknownCount: 0 });
    pods.of(pod).answer = busy;
    await scene.status('tls', { busyCount: 1, availableCount: 1, unknownCount: 0 });
    expect(pods.of(pod).questions.length).toBeGreaterThan(pods.of(pod).connections);
  });

  it('uses one connection for all questions to a Pod', async () => {
    const pods = fleet('kept');
    const [pod] = await create('kept', 1, {});
    await scene.status('kept', { availableCount: 1 });
    const from = pods.of(pod).connections;
    const asked = pods.of(pod).questions.length;
    await eventually(() => expect(pods.of(pod).questions.length).toBeGreaterThan(asked + 3));
    expect(pods.of(pod).connections - from).toBeLessThanOrEqual(1);
    expect(pods.of(pod).connections).toBeLessThanOrEqual(2);
  });

  it('believes no connection that was opened for another Pod of the same address', async () => {
    const ip = '127.77.0.1';
    const server = await serve(ip);
    const [first] = await create('heir', 1, {});
    await move(first as Pod, ip);
    await scene.status('heir', { availableCount: 1, unknownCount: 0 });
    const before = server.connections;
    await scene.api.delete(paths.pods.one(scene.namespace, first?.metadata.name ?? ''), { gracePeriodSeconds: 0 });
    const [heir] = await eventually(async () => {
      const pods = await scene.settledAt(1, 'app=heir');
      expect(pods[0]?.metadata.uid).not.toBe(first?.metadata.uid);
      return pods;
    });
    const asked = server.questions.length;
    await move(heir as Pod, ip);
    await eventually(() => expect(server.questions.length).toBeGreaterThan(asked));
    expect(server.connections).toBeGreaterThan(before);
    await scene.status('heir', { availableCount: 1, unknownCount: 0 });
  });

  it('keeps an idle Pod available through failures below the threshold, and ends none that does not answer', async () => {
    const pods = fleet('flaky');
    const [pod] = await create('flaky', 2, { failureThreshold: 100 });
    await scene.status('flaky', { availableCount: 2, unknownCount: 0 });
    const flaky = pods.of(pod);
    flaky.answer = hangs;
    const asked = flaky.questions.length;
    await eventually(() => expect(flaky.questions.length).toBeGreaterThan(asked + 2));
    await scene.status('flaky', { availableCount: 2, unknownCount: 0 });
    await scene.condition('flaky', 'BusyProbeHealthy', 'True');

    await scene.patchHsd('flaky', { idleTarget: 0 });
    await scene.settledAt(1, 'app=flaky');
    const left = async (): Promise<string[]> => (await scene.pods('app=flaky')).map(({ metadata }) => metadata.uid);
    await consistently(async () => expect(await left()).toEqual([pod?.metadata.uid]), 4_000);
    // A session that has begun unseen: it is found by the question before the end.
    flaky.answer = busy;
    await scene.status('flaky', { busyCount: 1, replicas: 1 });
    flaky.answer = idle;
    await scene.settledAt(0, 'app=flaky');
  });

  it('gives up the last answer at the threshold', async () => {
    const pods = fleet('dead');
    const [pod] = await create('dead', 1, { failureThreshold: 2 });
    await scene.status('dead', { availableCount: 1, unknownCount: 0 });
    await pods.of(pod).close();
    await scene.status('dead', { availableCount: 0, unknownCount: 1 });
    await scene.condition('dead', 'BusyProbeHealthy', 'False');
  });

  const addresses = Object.values(networkInterfaces()).flatMap((of) => of ?? []);
  (addresses.some(({ address }) => address === '::1') ? it : it.skip)('reaches a Pod at an IPv6 address', async () => {
    const server = await serve('::1');
    const [pod] = await create('six', 1, {});
    await move(pod as Pod, '::1');
    await scene.status('six', { availableCount: 1, unknownCount: 0 });
    server.answer = busy;
    await scene.status('six', { busyCount: 1 });
    expect(server.questions[0]?.headers.host).toBe(`[::1]:${port}`);
  });

  describe('by way of the API server', () => {
    /** The API server's proxy refuses loopback addresses, which all of kwok's are. */
    const own = addresses.find(({ internal, family }) => !internal && family === 'IPv4')?.address;
    const probe: Http = { via: 'APIServerProxy', path: '/is/busy?room=1' };

    it('says what is missing while the operator may not, and asks when it may', async () => {
      if (own === undefined)
        throw new Error('this machine has no address but loopback: the API server proxies to none');
      const server = await serve(own);
      const [pod] = await create('proxy', 1, probe);
      await move(pod as Pod, own);
      await scene.status('proxy', { unknownCount: 1, availableCount: 0 });
      const refused = await scene.condition('proxy', 'BusyProbeHealthy', 'False');
      expect(refused).toMatchObject({ reason: 'ProbesForbidden', message: expect.stringContaining('get pods/proxy') });
      expect(server.questions).toEqual([]);

      await grant();
      await scene.status('proxy', { unknownCount: 0, availableCount: 1, busyCount: 0 });
      await scene.condition('proxy', 'BusyProbeHealthy', 'True');
      expect(server.questions[0]).toMatchObject({ method: 'GET', path: '/is/busy?room=1' });
      expect(Object.keys(server.questions[0]?.headers ?? {})).not.toContain('authorization');

      server.answer = busy;
      await scene.childAt('proxy', 2);
      await scene.status('proxy', { busyCount: 1 });
      // The second Pod has one of kwok's addresses: what the API server says instead of a Pod is no answer.
      await scene.status('proxy', { unknownCount: 1, availableCount: 0 });
      const failing = await scene.condition('proxy', 'BusyProbeHealthy', 'False');
      expect(failing.reason).toBe('ProbesFailing');

      server.answer = says(302);
      await scene.status('proxy', { busyCount: 1 });
      await server.close();
      await scene.status('proxy', { busyCount: 1, unknownCount: 2, availableCount: 0 });
      // Of two Pods at one address neither would be believed.
      await move(pod as Pod, '127.77.0.2');
    });

    it('asks over TLS when told so', async () => {
      const certificate = new CertificateAuthority('stranger').issue({ commonName: 'x', usages: ['server'] });
      const server = await serve(own ?? '', certificate);
      const [pod] = await create('proxy-tls', 1, { ...probe, scheme: 'HTTPS' });
      await move(pod as Pod, own ?? '');
      await scene.status('proxy-tls', { unknownCount: 0, availableCount: 1 });
      expect(server.questions.length).toBeGreaterThan(0);
    });

    /** What docs/operations.md says, for the namespace of this test. */
    async function grant(): Promise<void> {
      const here = ['-n', scene.namespace];
      await kubectl(['create', 'role', 'proxy', '--verb=get', '--resource=pods/proxy', ...here]);
      const account = `--serviceaccount=hotstandby-system:${OPERATOR_ACCOUNT}`;
      await kubectl(['create', 'rolebinding', 'proxy', '--role=proxy', account, ...here]);
    }
  });
});
