import { budgetWrites } from '../../../operator/decide/budget';
import { decide } from '../../../operator/decide/decide';
import type { Write } from '../../../operator/decide/model';
import { aBudget, aChild, anHsd, anObservation, aPod, describeWrite, type PodBuilder, pods } from './builders';

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

/** A Pod that is marked busy and one that is not, whatever it is. */
const held = aPod('held').busy().marked('busy');
const orders: [sentence: string, before: number | null, some: PodBuilder[], want: string[]][] = [
  ['is made before the first busy mark', null, [aPod('a').busy()], ['createBudget 1', 'markPod a busy']],
  ['is raised before a further busy mark', 1, [held, aPod('a').busy()], ['setBudget 2', 'markPod a busy']],
  ['is lowered after a busy mark is gone', 2, [held, aPod('a').marked('busy')], ['markPod a idle', 'setBudget 1']],
  ['goes after the last busy mark', 1, [aPod('a').marked('busy')], ['markPod a idle', 'deleteBudget']],
  [
    'covers both while one Pod turns busy and another one idle',
    1,
    [aPod('a').busy(), aPod('b').marked('busy')],
    ['setBudget 2', 'markPod a busy', 'markPod b idle', 'setBudget 1'],
  ],
  [
    'stays while as many Pods turn idle as it covers too many',
    3,
    [aPod('a').busy(), aPod('b').marked('busy')],
    ['markPod a busy', 'markPod b idle', 'setBudget 1'],
  ],
  [
    'that somebody deleted is made for all that are marked',
    null,
    [aPod('a').busy(), aPod('b').marked('busy')],
    ['createBudget 2', 'markPod a busy', 'markPod b idle'],
  ],
];
test.each(orders)('%s', (_sentence, before, some, want) => {
  const budget = before === null ? null : aBudget(before);
  const hsd = anHsd({ spec: { idleTarget: 1 } });
  const child = aChild({ replicas: 1 + some.filter((pod) => pod.build().trueKeys.length > 0).length }, hsd);
  const extra = child.replicas > some.length ? [aPod('idle')] : [];
  const observation = anObservation({ hsd, budget, child, pods: [...some, ...extra] });
  expect(decide(observation).writes.map(describeWrite)).toEqual(want);
});
