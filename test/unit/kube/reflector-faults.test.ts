import fc from 'fast-check';
import { ApiClient } from '../../../operator/kube/client';
import { silentLogger } from '../../../operator/kube/logger';
import { type Change, Reflector } from '../../../operator/kube/reflector';
import type { Versioned } from '../../../operator/kube/store';
import { FakeClock } from '../support/fake-clock';
import { sendStatus } from '../support/http-server';
import { MiniApi } from '../support/mini-api';
import { turns, until } from '../support/until';

/** What can happen while a reflector follows: to the objects, to the connection, to the clock. */
const NAMES = ['a', 'b', 'c', 'd'];
const name = fc.constantFrom(...NAMES);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), name, observe: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lateReply' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cut' as const, 'end' as const, 'compact' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('bookmark' as const, 'refuse' as const, 'reset' as const) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('turn' as const, 'pass' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const key = ({ uid, resourceVersion }: Versioned): string => `${uid}@${resourceVersion}`;

/** Checks each change against a copy built from changes alone: nothing is deleted twice, nothing goes back in time. */
class Ledger {
  readonly known = new Map<string, Versioned>();
  readonly violations: string[] = [];

  note({ current, previous }: Change<Versioned>): void {
    const uid = (current ?? previous)?.uid ?? '';
    if (this.known.get(uid) !== previous) this.violations.push(`${uid}: the previous object is not the one reported`);
    this.known.delete(uid);
    if (current === undefined) return;
    if (previous !== undefined && BigInt(current.resourceVersion) <= BigInt(previous.resourceVersion)) {
      this.violations.push(`${uid}: from ${previous.resourceVersion} back to ${current.resourceVersion}`);
    }
    const isTaken = [...this.known.values()].some((other) => other.name === current.name);
    if (isTaken) this.violations.push(`two objects are called "${current.name}"`);
    this.known.set(uid, current);
  }
}

class Run {
  readonly clock = new FakeClock();
  readonly ledger = new Ledger();
  readonly reflector: Reflector<Versioned>;
  private lastReply: ReturnType<MiniApi['add']> | undefined;

  constructor(
    readonly api: MiniApi,
    client: ApiClient,
    seed: number,
  ) {
    let state = seed;
    this.reflector = new Reflector<Versioned>({
      client,
      path: '/things',
      pageSize: 2,
      clock: this.clock,
      logger: silentLogger,
      random: () => {
        state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
        return state / 2 ** 31;
      },
      transform: ({ metadata: { uid, name: itsName, namespace = '', resourceVersion } }) => ({
        uid,
        name: itsName,
        namespace,
        resourceVersion,
      }),
      onChange: (change) => this.ledger.note(change),
    });
  }

  async take(next: Step): Promise<void> {
    if (next.do === 'write') this.write(next.name, next.observe);
    else if (next.do === 'delete' && this.api.objects.has(next.name)) this.api.remove(next.name);
    else if (next.do === 'lateReply' && this.lastReply !== undefined) this.reflector.observe(this.lastReply);
    else if (next.do === 'cut' || next.do === 'end') this.api.endWatches(next.do);
    else if (next.do === 'compact') this.api.compact();
    else if (next.do === 'bookmark') this.api.bookmark();
    else if (next.do === 'refuse') this.api.failNext((_, response) => sendStatus(response, 503, 'Unavailable', 'no'));
    else if (next.do === 'reset') this.api.failNext((_, response) => response.destroy());
    else await turns(3);
    if (next.do === 'pass') this.clock.advance(2000);
  }

  isConverged(): boolean {
    const want = [...this.api.objects.values()].map(({ metadata }) => `${metadata.uid}@${metadata.resourceVersion}`);
    const have = [...this.reflector.values()].map(key);
    return this.reflector.synced && want.sort().join() === have.sort().join();
  }

  private write(itsName: string, observe: boolean): void {
    const exists = this.api.objects.has(itsName);
    this.lastReply = exists ? this.api.change(itsName, { n: this.api.resourceVersion }) : this.api.add(itsName);
    if (observe) this.reflector.observe(this.lastReply);
  }
}

test('whatever happens, the copy ends up equal and every change on the way makes sense', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 60 }),
      fc.nat(),
      fc.boolean(),
      async (steps, seed, repeat) => {
        const api = await MiniApi.start();
        const client = new ApiClient({ server: api.url, tls: {} }, { userAgent: 'test' });
        const run = new Run(api, client, seed);
        try {
          api.isRepeating = repeat;
          api.chunkBytes = 1 + (seed % 50);
          run.reflector.start();
          for (const next of steps) await run.take(next);
          await until(
            () => run.isConverged(),
            () => run.clock.advance(500),
          );
          expect(run.ledger.violations).toEqual([]);
          expect([...run.ledger.known.values()].map(key).sort()).toEqual([...run.reflector.values()].map(key).sort());
        } finally {
          await run.reflector.stop();
          await client.close();
          await api.stop();
        }
      },
    ),
    // Shrinking takes 10 s a step: end in time to report seed and path. Both beside numRuns repeat the failure.
    { numRuns: 100, interruptAfterTimeLimit: 45_000, markInterruptAsFailure: true },
  );
}, 60_000);
