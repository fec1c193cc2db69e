import fc from 'fast-check';
import { perform } from '../../../operator/apply/apply';
import { aChild, anHsd } from '../decide/builders';
import { type Handler, sendJson, sendStatus } from '../support/http-server';
import { ApplyHarness } from './harness';

const hsd = anHsd();
const SCALE = '/apis/apps/v1/namespaces/default/deployments/rooms-workload/scale';

interface Patched {
  op: 'test' | 'add';
  path: string;
  value: unknown;
}

/** The child as the API server holds it, and what becomes of scale writes to it. */
class LiveChild {
  resourceVersion = 43;
  generation = 5;
  uid = 'child-1';
  /** What else happens before each write, in order. */
  readonly meanwhile: (() => void)[] = [];
  refusal: { code: number; reason: string } | undefined;

  constructor(public replicas: number) {}

  readonly handler: Handler = ({ method, path, body }, response) => {
    if (method === 'GET') return sendJson(response, 200, this.object);
    this.meanwhile.shift()?.();
    if (this.refusal) return sendStatus(response, this.refusal.code, this.refusal.reason, 'no');
    const sent = JSON.parse(body);
    const wanted = Array.isArray(sent) ? this.patched(sent) : this.merged(sent);
    if (typeof wanted === 'string') return sendStatus(response, wanted === 'Invalid' ? 422 : 409, wanted, 'no');
    this.scaleTo(wanted);
    expect(path).toBe(SCALE);
    sendJson(response, 200, { metadata: { ...this.metadata, generation: undefined }, spec: { replicas: wanted } });
  };

  scaleTo(replicas: number): void {
    if (replicas !== this.replicas) this.generation += 1;
    this.replicas = replicas;
    this.resourceVersion += 1;
  }

  private get metadata(): Record<string, unknown> {
    const { uid, generation, resourceVersion } = this;
    const labels = { 'hsd.paia.tech/name': 'rooms' };
    const identity = { name: 'rooms-workload', namespace: 'default', uid };
    return { ...identity, labels, generation, resourceVersion: String(resourceVersion) };
  }

  private get object(): object {
    return { metadata: this.metadata, spec: { replicas: this.replicas } };
  }

  private patched(operations: Patched[]): number | 'Invalid' {
    const held: Record<string, unknown> = { '/metadata/uid': this.uid, '/spec/replicas': this.replicas || null };
    const holds = operations.every(({ op, path, value }) => op !== 'test' || held[path] === value);
    return holds ? (operations.at(-1)?.value as number) : 'Invalid';
  }

  private merged(sent: { metadata?: { resourceVersion?: string }; spec: { replicas: number } }): number | 'Conflict' {
    const version = sent.metadata?.resourceVersion;
    return version === undefined || version === String(this.resourceVersion) ? sent.spec.replicas : 'Conflict';
  }
}

let harness: ApplyHarness;
let live: LiveChild;
beforeEach(async () => {
  live = new LiveChild(2);
  harness = await ApplyHarness.open((request, response) => live.handler(request, response));
});
afterEach(() => harness.close());

const child = aChild({ replicas: 2, generation: 5, resourceVersion: '43' });
const scale = (replicas: number): Promise<void> =>
  perform(harness.applier, hsd, { kind: 'scaleChild', child, replicas });
const seen = (): unknown => {
  const { replicas, generation, resourceVersion } = harness.applier.world.child(hsd) ?? {};
  return { replicas, generation, resourceVersion };
};
const isCached = (): void =>
  expect(seen()).toEqual({
    replicas: live.replicas,
    generation: live.generation,
    resourceVersion: String(live.resourceVersion),
  });

test('whatever the server holds, a raise never lowers it and reaches what is wanted', async () => {
  const count = fc.nat({ max: 12 });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3, max: 12 }),
      count,
      fc.array(count, { maxLength: 2 }),
      async (to, at, changes) => {
        live = new LiveChild(at);
        let least = live.replicas;
        live.meanwhile.push(
          ...changes.map((replicas) => () => {
            live.scaleTo(replicas);
            least = replicas;
          }),
        );
        await scale(to);
        expect(live.replicas).toBe(Math.max(least, to));
      },
    ),
    { numRuns: 60 },
  );
});

test('a raise that comes second leaves the count as it is, and the cache knows it', async () => {
  live.scaleTo(12);
  await scale(8);
  expect(live.replicas).toBe(12);
  isCached();
});

test('a raise goes on from what the server holds by now', async () => {
  live.scaleTo(5);
  await scale(8);
  expect(live.replicas).toBe(8);
  isCached();
});

test.each([
  ['a raise', 7],
  ['a lowering', 1],
])('%s of a Deployment that was made again is outdated', async (_sentence, replicas) => {
  live.uid = 'another';
  live.resourceVersion += 1;
  await expect(scale(replicas)).rejects.toMatchObject({ code: 409 });
  expect(live.replicas).toBe(2);
});

test('a raise that is refused for another reason fails with that reason, and is not tried again', async () => {
  live.refusal = { code: 422, reason: 'Invalid' };
  await expect(scale(7)).rejects.toMatchObject({ code: 422 });
  expect(harness.server.requests.filter(({ method }) => method === 'PATCH')).toHaveLength(1);
});

test('a lowering does not mind a write of the status', async () => {
  live.resourceVersion += 1;
  await scale(1);
  expect(live.replicas).toBe(1);
});

test.each<[string, () => void]>([
  ['was raised', () => live.scaleTo(3)],
  ['was changed and changed back', () => [3, 2].map((replicas) => live.scaleTo(replicas))],
])('a lowering of a child that %s meanwhile is outdated', async (_sentence, change) => {
  change();
  const before = live.replicas;
  await expect(scale(1)).rejects.toMatchObject({ code: 409 });
  expect(live.replicas).toBe(before);
});

test('somebody who never stops writing ends the attempts', async () => {
  for (let i = 0; i < 20; i += 1) live.meanwhile.push(() => live.scaleTo(live.replicas === 3 ? 4 : 3));
  await expect(scale(9)).rejects.toMatchObject({ code: 409 });
  expect(harness.server.requests.length).toBeLessThan(10);
});

test('the count of a child whose label was taken off is not kept: no watch would ever correct it', async () => {
  const { hsd: _, ...unlabelled } = child;
  await perform(harness.applier, hsd, { kind: 'scaleChild', child: unlabelled, replicas: 4 });
  expect(live.replicas).toBe(4);
  expect(harness.applier.world.child(hsd)).toBeUndefined();
});
