import { eventually } from '../../tools/base/eventually';
import { metricValue } from '../../tools/base/metric-value';
import { Flips } from './support/flips';
import { type Cut, Gate } from './support/gate';
import { installNamespaced } from './support/namespaced';
import { OperatorProcess } from './support/operator';
import { BusyWatch, Scene } from './support/scene';

jest.setTimeout(180_000);

/** Of the Lease, which the leader renews every 2 s; a follower looks every 0.6 s at most. */
const LEASE_MS = 15_000;
/** What a busy two-core machine may add. A gap is printed as it is. */
const MARGIN_MS = 8_000;
const IDLE = 6;
const SELECTOR = 'app=rooms';

/** One of two operators, behind a network of its own. */
interface Replica {
  operator: OperatorProcess;
  gate: Gate;
}

describe('two operators under a load of sessions', () => {
  let scene: Scene;
  let kubeconfig: string;
  let sessions: BusyWatch;
  let flips: Flips | undefined;
  const replicas: Replica[] = [];
  beforeAll(async () => {
    scene = await Scene.open('failover');
    kubeconfig = await installNamespaced(scene.namespace);
    sessions = new BusyWatch(scene);
    await scene.createHsd('rooms', { idleTarget: IDLE, selector: { matchLabels: { app: 'rooms' } } });
  });
  afterEach(async () => {
    await flips?.stop().catch(() => {});
    flips = undefined;
    for (const { operator, gate } of replicas.splice(0)) {
      operator.kill('SIGCONT');
      await gate.mend();
      // Gives the Lease back, so that the next test need not wait for its end.
      await operator.stop('SIGTERM');
      await gate.close();
    }
  });
  afterAll(async () => {
    await scene?.close();
  });

  async function start(): Promise<Replica> {
    const gate = new Gate();
    const scope = ['--namespace', scene.namespace, '--lease-namespace', scene.namespace, '--leader-elect'];
    const args = [
      '--kubeconfig',
      await gate.open(kubeconfig),
      ...scope,
      '--admission-guard',
      '--health-address',
      '127.0.0.1:0',
    ];
    const operator = OperatorProcess.spawn({ args });
    const replica = { operator, gate };
    replicas.push(replica);
    await operator.whenReady();
    return replica;
  }

  async function leads({ operator }: Replica): Promise<boolean> {
    return metricValue((await operator.ask('/metrics')).text, 'hotstandby_leader') === 1;
  }

  /** A leader at work and a warm follower. */
  async function pair(): Promise<[Replica, Replica]> {
    const leader = await start();
    await eventually(async () => expect(await leads(leader)).toBe(true));
    const follower = await start();
    expect(await leads(follower)).toBe(false);
    await scene.status('rooms', { availableCount: IDLE });
    await load(leader);
    return [leader, follower];
  }

  async function load(leader: Replica): Promise<void> {
    flips = new Flips(scene, sessions, SELECTOR);
    const from = performance.now();
    await eventually(() => expect(leader.gate.writesSince(from).length).toBeGreaterThan(5));
  }

  /** Milliseconds from `sinceMs` until `next` writes, which the load asks for all the time. */
  function gapUntil({ gate }: Replica, sinceMs: number): Promise<number> {
    return eventually(() => {
      const [first] = gate.writesSince(sinceMs).filter(({ status }) => status === 200);
      if (first === undefined) throw new Error('the other operator has written nothing');
      return first.atMs - sinceMs;
    }, LEASE_MS * 3);
  }

  /** The load ends; what it leaves is what there should be, and no session was lost. */
  async function converges(): Promise<void> {
    const busy = (await flips?.stop()) ?? 0;
    await scene.childAt('rooms', busy + IDLE);
    await scene.settledAt(busy + IDLE, SELECTOR);
    await scene.status('rooms', { busyCount: busy, availableCount: IDLE, replicas: busy + IDLE });
    expect(await sessions.lost()).toEqual([]);
    await flips?.endAll();
  }

  function report(what: string, gapMs: number): void {
    process.stderr.write(`failover: ${what}: ${Math.round(gapMs)} ms without an operator, ${flips?.count} flips\n`);
  }

  it('hands over within a second when the leader is stopped', async () => {
    const [leader, follower] = await pair();
    const asked = performance.now();
    const stopped = leader.operator.stop('SIGTERM');
    const gapMs = await gapUntil(follower, asked);
    report('stopped cleanly', gapMs);
    expect(await stopped).toBe(0);
    expect(leader.operator.errors).toEqual([]);
    // 0.6 s by the follower's looks.
    expect(gapMs).toBeLessThan(1_000 + MARGIN_MS / 4);
    await converges();
  });

  it('takes over within the lease when the leader is killed', async () => {
    const [leader, follower] = await pair();
    const killed = performance.now();
    await leader.operator.stop('SIGKILL');
    const gapMs = await gapUntil(follower, killed);
    report('killed', gapMs);
    expect(gapMs).toBeLessThan(LEASE_MS + MARGIN_MS);
    await converges();
  });

  it.each<[string, Cut]>([
    ['hangs', 'hangs'],
    ['is refused', 'refuses'],
  ])('takes over when the network of the leader %s, and keeps the lead when it is back', async (title, how) => {
    const [leader, follower] = await pair();
    const cut = performance.now();
    await leader.gate.cut(how);
    const gapMs = await gapUntil(follower, cut);
    report(`network ${title}`, gapMs);
    expect(gapMs).toBeLessThan(LEASE_MS + MARGIN_MS);
    expect(await leads(leader)).toBe(false);

    const mended = performance.now();
    await leader.gate.mend();
    await eventually(async () => expect((await leader.operator.ask('/readyz')).status).toBe(200));
    await hears(leader);
    expect(leader.gate.writesSince(mended)).toEqual([]);
    expect(await leads(follower)).toBe(true);
    await converges();
  });

  it('lets no write of a frozen leader land after another has begun', async () => {
    const [leader, follower] = await pair();
    leader.operator.kill('SIGSTOP');
    const frozen = performance.now();
    const gapMs = await gapUntil(follower, frozen);
    report('frozen', gapMs);
    const begun = frozen + gapMs;
    leader.operator.kill('SIGCONT');
    await eventually(async () => expect(await leads(leader)).toBe(false));
    await hears(leader);
    expect(leader.gate.writesSince(begun)).toEqual([]);
    expect(await leads(follower)).toBe(true);
    await converges();
  });

  /** It talks to the API server again, and was told of 20 flips: whoever thought to lead would have written by now. */
  async function hears({ operator }: Replica): Promise<void> {
    const answered = async (): Promise<number> =>
      metricValue((await operator.ask('/metrics')).text, 'hotstandby_api_requests_total', { code: '200' }) ?? 0;
    const before = await answered();
    await eventually(async () => expect(await answered()).toBeGreaterThan(before));
    const flipped = flips?.count ?? 0;
    await eventually(() => expect(flips?.count).toBeGreaterThan(flipped + 20));
  }
});
