import { decide } from '../../../operator/decide/decide';
import type { Plan } from '../../../operator/decide/model';
import { DRAIN_GRACE_MS } from '../../../operator/decide/scale-down';
import {
  aChild,
  anHsd,
  anObservation,
  aPod,
  describeWrite,
  HTTP,
  NOW,
  type ObservationOptions,
  type PodBuilder,
} from './builders';

const one = anHsd({ spec: { idleTarget: 1 } });
const child = aChild({ replicas: 1 }, one);
const here = (name: string): PodBuilder => aPod(name).with({ node: 'cordoned' });
const there = (name: string): PodBuilder => aPod(name).with({ node: 'other' });

const planOf = (options: ObservationOptions): Plan =>
  decide(anObservation({ hsd: one, child, cordoned: new Set(['cordoned']), ...options }));
const writesOf = (options: ObservationOptions): string[] => planOf(options).writes.map(describeWrite);

test('an idle Pod leaves `idle` and the child: no session starts there, and another is made elsewhere', () => {
  expect(writesOf({ pods: [here('a')] })).toEqual(['markPod a draining']);
  expect(writesOf({ pods: [here('a').marked('draining')] })).toEqual(['ownPod a']);
  expect(planOf({ pods: [here('a')] }).status).toMatchObject({ availableCount: 0 });
});

test('it stays until the other one is available, then goes', () => {
  const old = here('a').detached().marked('draining');
  const since = { drainingSince: { a: NOW - DRAIN_GRACE_MS } };
  expect(writesOf({ pods: [old, there('b').marked('starting').notReady()], ...since })).toEqual([]);
  expect(writesOf({ pods: [old, there('b')], ...since })).toEqual(['deletePod a']);
});

test('a busy Pod stays where it is, and its end turns it to draining, not to idle', () => {
  expect(
    writesOf({ child: aChild({ replicas: 2 }, one), pods: [here('a').busy().marked('busy'), there('b')] }),
  ).toEqual([]);
  expect(writesOf({ pods: [here('a').detached().marked('busy'), there('b')] })).toEqual(['markPod a draining']);
});

test('a Pod whose probe fails keeps its state and its place', () => {
  const hsd = anHsd({ spec: { ...HTTP, idleTarget: 1 } });
  const unknown = here('a').with({ busyKey: undefined });
  const seen = { hsd, child: aChild({ replicas: 1 }, hsd), pods: [unknown] };
  expect(writesOf({ ...seen, probes: { a: { state: 'unknown', checkedAt: NOW } } })).toEqual([]);
});

test('once uncordoned a Pod that is left is idle again', () => {
  expect(writesOf({ cordoned: new Set(), pods: [here('a').detached().marked('draining')] })).toContain(
    'markPod a idle',
  );
});

test('Pods on a cordoned node are the first to go', () => {
  const plan = planOf({
    child: aChild({ replicas: 2 }, one),
    pods: [there('b').notReady(), here('a').detached(), there('c')],
  });
  expect(plan.writes.map(describeWrite)).toContain('markPod a draining');
});

test('nothing is moved while a rollout is on its way', () => {
  expect(
    writesOf({ child: aChild({ replicas: 1, paused: true }, one), pods: [here('a').marked('draining')] }),
  ).not.toContain('ownPod a');
});

describe('a template whose Pods a cordon does not keep away', () => {
  const container = { name: 'room', image: 'room:1' };
  const withSpec = (spec: Record<string, unknown>): ReturnType<typeof anHsd> =>
    anHsd({ spec: { idleTarget: 1, podTemplate: { spec: { containers: [container], ...spec } } } });
  const unschedulable = 'node.kubernetes.io/unschedulable';

  test.each<[string, Record<string, unknown>, boolean]>([
    ['tolerates everything', { tolerations: [{ operator: 'Exists' }] }, true],
    ['tolerates the cordon by name', { tolerations: [{ key: unschedulable, operator: 'Exists' }] }, true],
    ['tolerates the cordon as Equal without a value', { tolerations: [{ key: unschedulable }] }, true],
    ['tolerates everything NoSchedule', { tolerations: [{ operator: 'Exists', effect: 'NoSchedule' }] }, true],
    ['is pinned to a node', { nodeName: 'cordoned' }, true],
    ['tolerates everything NoExecute', { tolerations: [{ operator: 'Exists', effect: 'NoExecute' }] }, false],
    ['tolerates another taint', { tolerations: [{ key: 'gpu', operator: 'Exists' }] }, false],
    ['tolerates another value', { tolerations: [{ key: unschedulable, value: 'x' }] }, false],
    ['tolerates nothing', {}, false],
    ['holds nonsense', { tolerations: [null, 'all', { operator: 5 }] }, false],
    ['holds no list', { tolerations: null }, false],
  ])('%s', (_how, spec, stays) => {
    const hsd = withSpec(spec);
    const seen = { hsd, child: aChild({ replicas: 1 }, hsd) };
    expect(writesOf({ ...seen, pods: [here('a')] })).toEqual(stays ? [] : ['markPod a draining']);
    expect(planOf({ ...seen, pods: [here('a')] }).status).toMatchObject({ availableCount: stays ? 1 : 0 });
    expect(writesOf({ ...seen, pods: [here('a').marked('draining')] })).toEqual(
      stays ? ['markPod a idle'] : ['ownPod a'],
    );
  });

  test('a Pod that something else gave the toleration stays, too', () => {
    expect(writesOf({ pods: [here('a').with({ ignoresCordon: true })] })).toEqual([]);
  });
});

test('a scheduler that knows no cordons does not make a pool grow: so many wait for their replacement, no more', () => {
  const two = anHsd({ spec: { idleTarget: 2 } });
  const waiting = (count: number): PodBuilder[] =>
    Array.from({ length: count }, (_, i) => here(`w${i}`).detached().marked('draining').notReady());
  const attached = ['a', 'b'].map((name) => here(name).marked('draining'));
  const detachedOf = (count: number): string[] =>
    writesOf({ hsd: two, child: aChild({ replicas: 2 }, two), pods: [...waiting(count), ...attached] }).filter(
      (write) => write.startsWith('ownPod'),
    );
  expect([0, 2, 3, 4, 9].map((count) => detachedOf(count).length)).toEqual([2, 2, 1, 0, 0]);
});
