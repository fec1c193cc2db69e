import fc from 'fast-check';
import { batches, leaveChild } from '../../../operator/apply/batches';
import { withScale } from '../../../operator/apply/scale-reply';
import { markWrite } from '../../../operator/decide/marks';
import type { Write } from '../../../operator/decide/model';
import { aChild, anHsd, aPod, aReplicaSet } from '../decide/builders';

const scale: Write = { kind: 'scaleChild', child: aChild(), replicas: 3 };
const own: Write = { kind: 'ownReplicaSet', replicaSet: aReplicaSet() };
const mark = (i: number): Write => {
  const write = markWrite(anHsd(), aPod(`pod-${i}`).build(), 'busy', true);
  if (write === undefined) throw new Error('an idle Pod is not marked busy');
  return write;
};
const toDraining = (i: number): Write => ({ ...mark(i), state: 'draining' }) as Write;
const end = (i: number): Write => ({ kind: 'deletePod', pod: aPod(`pod-${i}`).build() });
const many = (count: number, make: (i: number) => Write): Write[] => Array.from({ length: count }, (_, i) => make(i));
const sizes = (writes: Write[]): number[] => batches(writes).runs.map((run) => run.length);

test('a write of the child or of a ReplicaSet is sent alone', () => {
  expect(sizes([scale, own, own, scale])).toEqual([1, 1, 1, 1]);
});

test('writes to Pods are sent 16 at a time', () => {
  expect(sizes([scale, ...many(20, mark)])).toEqual([1, 16, 4]);
});

test('different kinds of writes do not overtake each other', () => {
  expect(sizes([...many(3, mark), ...many(2, end), ...many(2, mark)])).toEqual([3, 2, 2]);
});

test('48 writes to Pods are a pass, the rest waits for the next one', () => {
  expect(batches(many(48, mark)).more).toBe(false);
  const { runs, more } = batches([...many(49, mark), own]);
  expect({ sent: runs.flat().length, more }).toEqual({ sent: 48, more: true });
});

test('nothing after a left-out write is sent, whatever its kind', () => {
  expect(batches([...many(49, mark), own, scale]).runs.flat()).not.toContain(own);
});

test('no plan is no run', () => {
  expect(batches([])).toEqual({ runs: [], more: false });
});

test('what is sent is the beginning of the plan, in its order', () => {
  const write = fc.oneof(fc.constantFrom(scale, own), fc.nat({ max: 9 }).map(mark), fc.nat({ max: 9 }).map(end));
  fc.assert(
    fc.property(fc.array(write, { maxLength: 120, size: 'max' }), (writes) => {
      const { runs, more } = batches(writes);
      const sent = runs.flat();
      expect(sent).toEqual(writes.slice(0, sent.length));
      expect(more).toBe(sent.length < writes.length);
      for (const run of runs) expect(new Set(run.map(({ kind }) => kind)).size).toBe(1);
    }),
  );
});

test('a scale call that changes something is a new generation, one that does not is none', () => {
  const child = aChild({ replicas: 3, generation: 5 });
  expect(withScale(child, 4, '99')).toEqual({ ...child, replicas: 4, generation: 6, resourceVersion: '99' });
  expect(withScale(child, 3, '99')).toEqual({ ...child, resourceVersion: '99' });
});

test('Pods leave idle in a later run than their successors enter it', () => {
  expect(sizes([...many(2, mark), ...many(2, toDraining)])).toEqual([2, 2]);
});

const pod = aPod('a').build();
test.each<[string, Write[][], boolean]>([
  ['nothing', [], true],
  ['marks', [[{ kind: 'deletePod', pod }]], true],
  ['a step of a rollout', [[{ kind: 'deletePod', pod }], [{ kind: 'ownPod', pod }]], false],
])('with %s left to write the child may be raised: %#', (_name, runs, want) => {
  expect(leaveChild(runs)).toBe(want);
});
