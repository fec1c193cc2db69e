import { budgetSpec } from '../../../operator/decide/budget';
import { decide } from '../../../operator/decide/decide';
import {
  aBudget,
  aChild,
  anHsd,
  anObservation,
  aPod,
  describeWrite,
  NOW,
  type ObservationOptions,
  pods,
} from './builders';

const writesOf = (seen: ObservationOptions): string[] => decide(anObservation(seen)).writes.map(describeWrite);
const idle = pods('idle', 2);
const nothing = anHsd({ spec: { idleTarget: 0 } });
const draining = anHsd({ finalizers: ['hsd.paia.tech/drain'], spec: { sessions: { onDelete: 'Drain' } } });
const held = aPod('held').busy().marked('busy');

test('allows no eviction whatever the number of busy Pods: as many must be available as there can never be', () => {
  expect(budgetSpec({ name: 'rooms' })).toEqual({
    minAvailable: 2_147_483_647,
    selector: { matchLabels: { 'hsd.paia.tech/name': 'rooms', 'hsd.paia.tech/state': 'busy' } },
    unhealthyPodEvictionPolicy: 'IfHealthyBudget',
  });
});

const table: [sentence: string, seen: ObservationOptions, want: string[]][] = [
  ['is made before the child', { budget: null, child: null }, ['createBudget', 'applyChild 2']],
  ['is made before the first Pod', { budget: null, child: aChild({ replicas: 0 }) }, ['createBudget', 'scaleChild 2']],
  ['is made for Pods that are there, busy or not', { budget: null, pods: idle }, ['createBudget']],
  [
    'is made for the Pods of a taken over child, which are not labelled yet',
    {
      hsd: nothing,
      budget: null,
      child: aChild({ replicas: 0 }, nothing),
      unlabelled: { pods: idle, replicaSets: [] },
    },
    ['createBudget'],
  ],
  ['is not written again', { pods: idle }, []],
  ['is not written when a Pod turns busy', { pods: [...idle, aPod('a').busy()] }, ['markPod a busy']],
  ['is not written when a Pod turns idle', { pods: [aPod('a').marked('busy'), aPod('b')] }, ['markPod a idle']],
  [
    'that counts busy Pods (made before 0.2.0) is mended',
    { budget: aBudget({ minAvailable: 2 }), pods: idle },
    ['repairBudget'],
  ],
  [
    'that somebody made a percentage is mended',
    { budget: aBudget({ minAvailable: -1 }), pods: idle },
    ['repairBudget'],
  ],
  [
    'that somebody narrowed is mended',
    {
      budget: aBudget({
        selector: { matchLabels: { ...budgetSpec({ name: 'rooms' }).selector.matchLabels, app: 'x' } },
      }),
      pods: idle,
    },
    ['repairBudget'],
  ],
  [
    'that lets unhealthy Pods go is mended',
    { budget: aBudget({ unhealthyPodEvictionPolicy: 'AlwaysAllow' }), pods: idle },
    ['repairBudget'],
  ],
  [
    'is marked for an hsd that drains',
    { hsd: draining, budget: aBudget(), pods: idle, child: aChild({}, draining) },
    ['markBudget true'],
  ],
  ['loses that mark with Drain', { budget: aBudget({ drainOnDelete: true }), pods: idle }, ['markBudget null']],
  [
    'goes when no Pod is there and none is wanted',
    { hsd: nothing, child: aChild({ replicas: 0 }, nothing) },
    ['deleteBudget'],
  ],
  [
    'stays while the last Pod is there',
    {
      hsd: nothing,
      child: aChild({ replicas: 0 }, nothing),
      pods: [held.detached()],
    },
    [],
  ],
  ['is not made for nothing', { hsd: nothing, budget: null, child: aChild({ replicas: 0 }, nothing) }, []],
];
test.each(table)('%s', (_sentence, seen, want) => {
  expect(writesOf(seen)).toEqual(want);
});

describe('of a deleted hsd that drains', () => {
  const deleted = { ...draining, deleting: true };
  const seen = { hsd: deleted, child: aChild({ replicas: 1 }, deleted) };

  test('stays to the end, and is made anew for a busy Pod', () => {
    expect(writesOf({ ...seen, pods: [held] })).toEqual([]);
    expect(writesOf({ ...seen, budget: null, pods: [held] })).toEqual(['createBudget']);
    expect(writesOf({ ...seen, budget: null, pods: [aPod('a')] })).toEqual(['markPod a draining']);
  });

  test('goes before the finalizer does', () => {
    const empty = { ...seen, child: aChild({ replicas: 0 }, deleted), now: NOW };
    expect(writesOf(empty)).toEqual(['deleteBudget', 'releaseChild', 'removeFinalizer hsd.paia.tech/drain']);
  });
});

test('keeps the finalizer of an hsd that does not drain any more until its mark is gone', () => {
  const hsd = anHsd({ finalizers: ['hsd.paia.tech/drain'] });
  const seen = { hsd, child: aChild({}, hsd), pods: idle };
  expect(writesOf({ ...seen, budget: aBudget({ drainOnDelete: true }) })).toEqual(['markBudget null']);
  expect(writesOf(seen)).toEqual(['removeFinalizer hsd.paia.tech/drain']);
});
