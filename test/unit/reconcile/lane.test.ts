import { decide } from '../../../operator/decide/decide';
import type { DeploymentView, HsdView, PodView, Write } from '../../../operator/decide/model';
import { Deferred } from '../../../operator/kube/deferred';
import { asBefore, isAside, isTooHigh, Lane, type Raise, writesAfter } from '../../../operator/reconcile/lane';
import { aChild, anHsd, anObservation, aPod, pods } from '../decide/builders';
import { turns } from '../support/until';

const KEY = 'default/rooms';

let hsd: HsdView;
let child: DeploymentView;
let sent: { replicas: number; reply: Deferred }[];
let lane: Lane;

beforeEach(() => {
  hsd = anHsd({ spec: { idleTarget: 4 } });
  child = aChild({ replicas: 4 }, hsd);
  sent = [];
  lane = new Lane({
    hsd: () => hsd,
    child: () => child,
    send: (_key, _hsd, write) => {
      if (write.kind !== 'scaleChild') throw new Error(`a lane writes no ${write.kind}`);
      const reply = new Deferred();
      sent.push({ replicas: write.replicas, reply });
      return reply.promise;
    },
  });
  lane.enter(KEY);
  pass(pods('a', 4));
  lane.open(KEY);
});

const replicas = (): number[] => sent.map((write) => write.replicas);

function pass(seen: readonly PodView[]): void {
  const observation = anObservation({ hsd, child, pods: seen });
  lane.seen(KEY, observation, decide(observation));
}

function turnsBusy(...names: string[]): void {
  for (const name of names) {
    lane.podChanged(KEY, { previous: aPod(name).build(), current: aPod(name).busy().build() });
  }
}

/** The API server's reply to the last write, in the cache. */
async function replied(): Promise<void> {
  const last = sent.at(-1);
  child = { ...child, replicas: last?.replicas ?? child.replicas };
  last?.reply.resolve();
  await turns();
}

test('sessions of one network read are one write, sent with no pass', async () => {
  turnsBusy('a-1', 'a-2');
  await turns();
  expect(replicas()).toEqual([6]);
});

test('one write at a time: what comes meanwhile is sent after the reply', async () => {
  turnsBusy('a-1');
  await turns();
  turnsBusy('a-2');
  turnsBusy('a-3');
  await turns();
  expect(replicas()).toEqual([5]);
  await replied();
  expect(replicas()).toEqual([5, 7]);
});

test('nothing is sent while a pass is at work on the child; what is due then follows', async () => {
  lane.enter(KEY);
  turnsBusy('a-1');
  await turns();
  expect(replicas()).toEqual([]);
  lane.open(KEY);
  await turns();
  expect(replicas()).toEqual([5]);
});

test('a pass that begins first sends the write itself, at once', () => {
  turnsBusy('a-1');
  const raise = lane.enter(KEY);
  expect(raise).toMatchObject({ from: 4, replicas: 5 });
  expect(replicas()).toEqual([5]);
});

test('a pass is told of all that was raised since the one before, once', async () => {
  turnsBusy('a-1');
  await turns();
  await replied();
  turnsBusy('a-2');
  await turns();
  expect(lane.enter(KEY)).toMatchObject({ from: 4, replicas: 6 });
  expect(lane.enter(KEY)).toBeUndefined();
});

test('a write that failed is the next pass’ to try again', async () => {
  turnsBusy('a-1');
  await turns();
  sent[0]?.reply.reject(new Error('refused'));
  await turns();
  expect(replicas()).toEqual([5]);
  await expect(lane.enter(KEY)?.sent).rejects.toThrow('refused');
});

describe('the pass after a raise', () => {
  const raise: Raise = { from: 4, replicas: 5, sent: Promise.resolve(), isOver: true };
  const scale = (to: number): Write => ({ kind: 'scaleChild', child, replicas: to });
  const mark: Write = { kind: 'addFinalizer', finalizer: 'x' };

  test('sees the child as it was, so that its plan tells of the raise', () => {
    const seen = [aPod('a-1').busy().marked('busy'), ...pods('b', 3)];
    const observation = anObservation({ hsd, child: aChild({ replicas: 5 }, hsd), pods: seen });
    const plan = decide(asBefore(raise, observation));
    expect(plan.events).toMatchObject([{ reason: 'ScaledUp', note: expect.stringContaining('from 4 to 5') }]);
    expect(asBefore(undefined, observation)).toBe(observation);
  });

  test.each<[string, Write[], number[], boolean]>([
    ['as many', [scale(5), mark], [], false],
    ['more', [scale(6), mark], [6], false],
  ])('that wants %s Pods goes on', (_name, writes, scales, tooHigh) => {
    const left = writesAfter(raise, writes);
    expect(left).toContain(mark);
    expect(left.flatMap((write) => (write.kind === 'scaleChild' ? [write.replicas] : []))).toEqual(scales);
    expect(isTooHigh(raise, writes)).toBe(tooHigh);
  });

  test.each<[string, Write[], number]>([
    ['fewer', [scale(3), mark], 0],
    ['no change', [mark], 1],
  ])('that wants %s comes again, with the child as it is', (_name, writes, left) => {
    expect(writesAfter(raise, writes)).toHaveLength(left);
    expect(isTooHigh(raise, writes)).toBe(true);
  });

  test('that had no raise does all of its plan', () => {
    expect(writesAfter(undefined, [scale(3), mark])).toHaveLength(2);
    expect(isTooHigh(undefined, [mark])).toBe(false);
  });
});

test.each<[string, Write[][], boolean]>([
  ['nothing', [], true],
  ['marks', [[{ kind: 'deletePod', pod: aPod('a').build() }]], true],
  [
    'a step of a rollout',
    [[{ kind: 'deletePod', pod: aPod('a').build() }], [{ kind: 'ownPod', pod: aPod('b').build() }]],
    false,
  ],
])('with %s left to write the child may be raised: %#', (_name, runs, want) => {
  expect(isAside(runs)).toBe(want);
});
