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
