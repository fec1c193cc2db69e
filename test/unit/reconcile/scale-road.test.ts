import { decide } from '../../../operator/decide/decide';
import type { DeploymentView, HsdView, PodView } from '../../../operator/decide/model';
import { Deferred } from '../../../operator/kube/deferred';
import { ScaleRoad } from '../../../operator/reconcile/scale-road';
import { aChild, anHsd, anObservation, aPod, pods } from '../decide/builders';
import { turns } from '../support/until';

const KEY = 'default/rooms';

let hsd: HsdView;
let child: DeploymentView;
let sent: { replicas: number; note: string; reply: Deferred }[];
let road: ScaleRoad;

beforeEach(async () => {
  hsd = anHsd({ spec: { idleTarget: 4 } });
  child = aChild({ replicas: 4 }, hsd);
  sent = [];
  road = new ScaleRoad({
    hsd: () => hsd,
    child: () => child,
    send: (_key, _hsd, { write, event }) => {
      const reply = new Deferred();
      sent.push({ replicas: write.replicas, note: event.note, reply });
      return reply.promise;
    },
  });
  await road.close(KEY);
  pass(pods('a', 4));
  road.open(KEY);
});

const replicas = (): number[] => sent.map((write) => write.replicas);

function pass(seen: readonly PodView[]): void {
  const observation = anObservation({ hsd, child, pods: seen });
  road.seen(KEY, observation, decide(observation));
}

function turnsBusy(...names: string[]): void {
  for (const name of names) {
    road.podChanged(KEY, { previous: aPod(name).build(), current: aPod(name).busy().build() });
  }
}

/** The API server's reply to the last write, in the cache. */
async function replied(): Promise<void> {
  const last = sent.at(-1);
  child = { ...child, replicas: last?.replicas ?? child.replicas };
  last?.reply.resolve();
  await turns();
}

/** A pass that begins; resolves with whether it may gather yet. */
async function begins(): Promise<() => boolean> {
  let isClear = false;
  void road.close(KEY).then(() => {
    isClear = true;
  });
  await turns();
  return () => isClear;
}

test('sessions of one network read are one write, sent with no pass, and its Event says why', async () => {
  turnsBusy('a-1', 'a-2');
  await turns();
  expect(sent).toMatchObject([
    { replicas: 6, note: 'Scaled Deployment rooms-workload up from 4 to 6 (2 busy + 4 idle wanted)' },
  ]);
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
  await road.close(KEY);
  turnsBusy('a-1');
  await turns();
  expect(replicas()).toEqual([]);
  road.open(KEY);
  await turns();
  expect(replicas()).toEqual([5]);
});

test('a pass that begins first sends the write itself, at once', () => {
  turnsBusy('a-1');
  void road.close(KEY);
  expect(replicas()).toEqual([5]);
});

test('a pass waits for the reply, and nothing is sent behind it', async () => {
  turnsBusy('a-1');
  await turns();
  const isClear = await begins();
  turnsBusy('a-2');
  expect(isClear()).toBe(false);
  await replied();
  expect(isClear()).toBe(true);
  expect(replicas()).toEqual([5]);
});

test('a write that failed keeps no pass back, and is that pass’ to make', async () => {
  turnsBusy('a-1');
  await turns();
  const isClear = await begins();
  sent[0]?.reply.reject(new Error('refused'));
  await turns();
  expect(isClear()).toBe(true);
  expect(replicas()).toEqual([5]);
});
