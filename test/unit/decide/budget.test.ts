import { budgetWrites } from '../../../operator/decide/budget';
import { decide } from '../../../operator/decide/decide';
import type { Write } from '../../../operator/decide/model';
import { aBudget, aChild, anObservation, aPod, describeWrite, pods } from './builders';

const writes = (minAvailable: number | null, busy: number): Write[] =>
  budgetWrites(anObservation({ budget: minAvailable === null ? null : aBudget(minAvailable) }), busy);

const table: [sentence: string, before: number | null, busy: number, want: string[]][] = [
  ['no session, no budget', null, 0, []],
  ['the first session makes it', null, 1, ['createBudget 1']],
  ['a further one raises it', 1, 2, ['setBudget 2']],
  ['one that ends lowers it', 2, 1, ['setBudget 1']],
  ['the last one takes it away', 1, 0, ['deleteBudget']],
  ['the right one is not written again', 3, 3, []],
  ['one somebody broke (a percentage) is mended', -1, 1, ['setBudget 1']],
];
test.each(table)('%s', (_sentence, before, busy, want) => {
  expect(writes(before, busy).map(describeWrite)).toEqual(want);
});

test('is named after the hsd', () => {
  expect(writes(null, 1)).toEqual([{ kind: 'createBudget', name: 'rooms-busy', minAvailable: 1 }]);
});

test('counts busy Pods whoever owns them', () => {
  const some = [aPod('a').busy().marked('busy'), aPod('b').detached().busy().marked('busy'), ...pods('idle', 2)];
  const observation = anObservation({ budget: null, child: aChild({ replicas: 3 }), pods: some });
  expect(decide(observation).writes.map(describeWrite)).toEqual(['createBudget 2']);
});

test('follows the busy marks it counts, and comes before all others', () => {
  const some = [aPod('flipped').busy(), aPod('idle'), aPod('new').marked('starting')];
  const observation = anObservation({ budget: null, child: aChild({ replicas: 3 }), pods: some });
  expect(decide(observation).writes.map(describeWrite)).toEqual([
    'markPod flipped busy',
    'createBudget 1',
    'markPod new idle',
  ]);
});
