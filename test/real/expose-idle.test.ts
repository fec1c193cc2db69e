import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../operator/kube/types';
import { NAME_LABEL, STATE_LABEL } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { isReady, type Pod, Scene } from '../e2e/support/scene';
import { applyRooms } from './support/manifests';
import { ask, ipOf, Sessions } from './support/sessions';
import { describeReal, note } from './support/suite';

jest.setTimeout(300_000);

/** What a Service selects that sends new connections to idle Pods only. */
const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'rooms' },
  spec: {
    selector: { app: 'rooms', [NAME_LABEL]: 'rooms', [STATE_LABEL]: 'idle' },
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
  },
};
const CONNECTIONS = 200;
/** Label, EndpointSlice, kube-proxy: longer than this on a busy two-core machine, and something else is wrong. */
const PROPAGATION_LIMIT_MS = 5_000;
const IDLE_TARGET = 4;
/** Sessions that come and go. */
const SHORT_SESSIONS = 3;
/** Sessions that last from the first connection to the last: much longer than any propagation. */
const LONG_SESSIONS = 2;

type Service = KubeObject & { spec: { clusterIP: string } };
type EndpointSlice = KubeObject & { endpoints?: { addresses: string[]; conditions?: { ready?: boolean } }[] };

/** A session as the connections see it; times by `performance.now()`. */
interface Busy {
  pod: Pod;
  /** The app's 201 has arrived. */
  since: number;
  /** The session is being ended. */
  until?: number;
  /** The Pod has left the EndpointSlice; undefined when the session was over before. */
  unlisted?: number;
}

interface Connections {
  /** How long the Pods reached had been busy, in milliseconds. */
  late: number[];
  /** Names of all Pods reached. */
  reached: Set<string>;
  /** Nobody answered: the Pod was just leaving. */
  refused: number;
}

describeReal('a Service over idle Pods', () => {
  let scene: Scene;
  let address: string;
  beforeAll(async () => {
    scene = await Scene.open('expose');
    await applyRooms(scene, { idleTarget: IDLE_TARGET });
    const service = await scene.api.create<Service>(`/api/v1/namespaces/${scene.namespace}/services`, SERVICE);
    address = service.spec.clusterIP;
    await scene.settledAt(IDLE_TARGET);
    await eventually(async () => expect(await ask(address, 'GET', '/', 80)).toMatchObject({ status: 200 }));
  });
  afterAll(() => scene?.close());

  const listed = async (): Promise<Set<string>> => {
    const slices = await scene.api.list<EndpointSlice>(
      `/apis/discovery.k8s.io/v1/namespaces/${scene.namespace}/endpointslices`,
      { labelSelector: 'kubernetes.io/service-name=rooms' },
    );
    const ready = slices.items.flatMap(({ endpoints }) => endpoints ?? []).filter((e) => e.conditions?.ready);
    return new Set(ready.flatMap(({ addresses }) => addresses));
  };

  async function unlist(busy: Busy): Promise<void> {
    const gone = await eventually(async () => {
      const stillThere = (await listed()).has(ipOf(busy.pod));
      if (busy.until !== undefined) return false;
      expect(stillThere).toBe(false);
      return true;
    });
    if (gone) busy.unlisted = performance.now();
  }

  /** Begins sessions on idle Pods and ends the oldest ones but for the first, until `over`. */
  async function comeAndGo(sessions: Sessions, held: Busy[], past: Busy[], over: () => boolean): Promise<void> {
    const watches: Promise<void>[] = [];
    while (!over()) {
      const oldest = held.length >= LONG_SESSIONS + SHORT_SESSIONS ? held.splice(LONG_SESSIONS, 1)[0] : undefined;
      if (oldest) {
        oldest.until = performance.now();
        await sessions.end(oldest.pod);
      }
      const idle = await scene.readyPods(`${STATE_LABEL}=idle`);
      const pod = idle[Math.floor(Math.random() * idle.length)];
      if (pod && (await sessions.start(pod)).status === 201) {
        const busy: Busy = { pod, since: performance.now() };
        held.push(busy);
        past.push(busy);
        watches.push(unlist(busy));
      }
      await sleep(300);
    }
    // Those still held are seen to leave; the others have ended.
    await Promise.all(watches);
  }

  async function whileComingAndGoing<T>(
    sessions: Sessions,
    held: Busy[],
    past: Busy[],
    act: () => Promise<T>,
  ): Promise<T> {
    let over = false;
    const churn = comeAndGo(sessions, held, past, () => over);
    try {
      return await act();
    } finally {
      over = true;
      await churn;
    }
  }

  async function connect(held: readonly Busy[]): Promise<Connections> {
    const seen: Connections = { late: [], reached: new Set(), refused: 0 };
    for (let made = 0; made < CONNECTIONS; made += 1) {
      const before = performance.now();
      const answer = await ask(address, 'GET', '/', 80).catch(() => undefined);
      if (answer === undefined) seen.refused += 1;
      else seen.reached.add(answer.message);
      const busy = held.find(({ pod }) => pod.metadata.name === answer?.message);
      if (answer?.state === 'busy' && busy && before > busy.since) seen.late.push(before - busy.since);
      await sleep(40);
    }
    return seen;
  }

  it('sends 200 new connections, while sessions come and go, to no Pod that has been busy for longer than endpoints take', async () => {
    const sessions = new Sessions(scene);
    const held: Busy[] = [];
    const past: Busy[] = [];
    const { late, reached, refused } = await whileComingAndGoing(sessions, held, past, () => connect(held));

    // No readiness trick: a Pod in a session is as Ready as any other.
    const names = new Set(held.map(({ pod }) => pod.metadata.name));
    const inSession = (await scene.pods()).filter((pod) => names.has(pod.metadata.name));
    expect(names.size).toBeGreaterThanOrEqual(LONG_SESSIONS);
    expect(inSession).toHaveLength(names.size);
    expect(inSession.every(isReady)).toBe(true);
    expect(await sessions.lost()).toEqual([]);

    const unlisted = past.flatMap(({ since, unlisted: at }) => (at === undefined ? [] : [at - since]));
    const listedAllAlong = past.filter((busy) => busy.unlisted === undefined);
    note(
      `${past.length} sessions, ${CONNECTIONS} connections on ${reached.size} Pods: session begun -> Pod out of the EndpointSlice ${spread(unlisted)}; ` +
        `${late.length} connections reached a busy Pod, the last ${Math.round(Math.max(0, ...late))} ms after its session began; ${refused} found a Pod that was just leaving`,
    );
    expect(past.length).toBeGreaterThan(10);
    expect(reached.size).toBeGreaterThan(IDLE_TARGET);
    expect(unlisted.length).toBeGreaterThanOrEqual(LONG_SESSIONS);
    for (const { since, until = Number.POSITIVE_INFINITY } of listedAllAlong) {
      expect(until - since).toBeLessThan(PROPAGATION_LIMIT_MS);
    }
    expect(refused).toBeLessThan(CONNECTIONS / 20);
    expect(Math.max(...unlisted)).toBeLessThan(PROPAGATION_LIMIT_MS);
    expect(Math.max(0, ...late)).toBeLessThan(PROPAGATION_LIMIT_MS);
  });
});

/** Median and maximum, in milliseconds. */
function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const [median, max] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return `p50 ${Math.round(median ?? 0)} ms, max ${Math.round(max ?? 0)} ms`;
}
