import { type DemoPod, Model } from '../../../tools/demo/model';
import type { PodBuilder } from '../decide/builders';
import { aChild, anHsd, aPod } from '../decide/builders';

const demoPod = (pod: PodBuilder): DemoPod => ({ ...pod.build(), template: '1' });

/** Three idle Pods wanted and there, at most six. */
function aModel(): Model {
  const model = new Model();
  model.applyHsd({ current: anHsd({ spec: { idleTarget: 3, maxReplicas: 6 } }) });
  model.applyChild({ current: aChild({ replicas: 3 }) }, 0);
  for (const uid of ['a', 'b', 'c']) model.applyPod({ current: demoPod(aPod(uid)) }, 0);
  return model;
}

const only = (model: Model, uid: string): DemoPod => model.pod(uid) as DemoPod;

describe('Pods of the model', () => {
  test('are free when Ready, idle and staying', () => {
    const model = aModel();
    model.applyPod({ current: demoPod(aPod('b').notReady()) }, 1);
    model.applyPod({ current: demoPod(aPod('c').with({ deleting: true })) }, 1);
    model.applyPod({ current: demoPod(aPod('d').marked('draining')) }, 1);
    model.applyPod({ current: demoPod(aPod('e').busy()) }, 1);
    expect(model.free('rooms').map(({ uid }) => uid)).toEqual(['a']);
    expect(model.inSession('rooms').map(({ uid }) => uid)).toEqual(['e']);
  });

  test('of http mode are busy by their label', () => {
    const model = aModel();
    model.applyPod({ current: demoPod(aPod('a').marked('busy').with({ busyKey: undefined })) }, 1);
    expect(model.inSession('rooms').map(({ uid }) => uid)).toEqual(['a']);
  });

  test('are not given to two sessions while the first is being started', () => {
    const model = aModel();
    model.starting(only(model, 'a'));
    expect(model.free('rooms').map(({ uid }) => uid)).toEqual(['b', 'c']);
    // An event that still shows the Pod as it was changes nothing.
    model.applyPod({ current: demoPod(aPod('a').with({ resourceVersion: '2' })) }, 1);
    expect(model.free('rooms').map(({ uid }) => uid)).toEqual(['b', 'c']);
  });

  test('are free again when the session did not start', () => {
    const model = aModel();
    model.starting(only(model, 'a'));
    model.failed(only(model, 'a'));
    expect(model.free('rooms')).toHaveLength(3);
  });

  test('cannot end their session twice', () => {
    const model = aModel();
    model.applyPod({ current: demoPod(aPod('a').busy()) }, 1);
    model.ending(only(model, 'a'));
    expect(model.inSession('rooms')).toEqual([]);
  });

  test('are forgotten when they are gone', () => {
    const model = aModel();
    model.applyPod({ previous: only(model, 'a') }, 1);
    expect(model.pods('rooms').map(({ uid }) => uid)).toEqual(['b', 'c']);
  });
});

describe('the row of an hsd', () => {
  test('has the numbers of its status and the Pods in the order of their worth', () => {
    const model = aModel();
    const status = { availableCount: 1, busyCount: 2, startingCount: 3, desiredReplicas: 4 };
    model.applyHsd({ current: anHsd({ spec: { idleTarget: 3 }, status }) });
    model.applyPod({ current: demoPod(aPod('b').busy()) }, 1);
    model.applyPod({ current: demoPod(aPod('c').with({ deleting: true })) }, 1);
    expect(model.rows()).toEqual([
      {
        name: 'rooms',
        target: 3,
        available: 1,
        busy: 2,
        starting: 3,
        desired: 4,
        reactionMs: undefined,
        pool: ['busy', 'idle', 'going'],
      },
    ]);
  });

  test('is gone with the hsd', () => {
    const model = aModel();
    model.applyHsd({ previous: anHsd() });
    expect(model.rows()).toEqual([]);
  });
});

describe('the reaction', () => {
  const busyAt = (model: Model, uid: string, atMs: number): void =>
    model.applyPod({ current: demoPod(aPod(uid).busy()) }, atMs);

  test('lasts from the reply of the busy write to the event of the grown child', () => {
    const model = aModel();
    const timing = model.starting(only(model, 'a'));
    timing?.marked(100);
    expect(timing?.ms).toBeUndefined();
    model.applyChild({ current: aChild({ replicas: 4 }) }, 112);
    expect(timing?.ms).toBe(12);
    expect(model.rows()[0]?.reactionMs).toBe(12);
  });

  test('counts from the event of the mark when the app in the Pod answers later', () => {
    const model = aModel();
    const timing = model.starting(only(model, 'a'));
    busyAt(model, 'a', 100);
    model.applyChild({ current: aChild({ replicas: 4 }) }, 105);
    timing?.marked(140);
    expect(timing?.ms).toBe(5);
  });

  test('of each session in a burst waits for its own Pod', () => {
    const model = aModel();
    const timings = ['a', 'b', 'c'].map((uid) => model.starting(only(model, uid)));
    for (const timing of timings) timing?.marked(100);
    model.applyChild({ current: aChild({ replicas: 5 }) }, 110);
    expect(timings.map((timing) => timing?.ms)).toEqual([10, 10, undefined]);
    model.applyChild({ current: aChild({ replicas: 6 }) }, 130);
    expect(timings.map((timing) => timing?.ms)).toEqual([10, 10, 30]);
  });

  test('is not awaited when maxReplicas is reached', () => {
    const model = aModel();
    for (const uid of ['a', 'b', 'c']) busyAt(model, uid, 1);
    model.applyPod({ current: demoPod(aPod('d')) }, 1);
    model.applyChild({ current: aChild({ replicas: 6 }) }, 1);
    expect(model.starting(only(model, 'd'))).toBeUndefined();
  });

  test('is not awaited while a scale-down has not come that far', () => {
    const model = aModel();
    model.applyChild({ current: aChild({ replicas: 4 }) }, 1);
    expect(model.starting(only(model, 'a'))).toBeUndefined();
  });

  test('counts busy Pods that a rollout has detached as there', () => {
    const model = aModel();
    model.applyPod({ current: demoPod(aPod('old').busy().detached()) }, 1);
    const timing = model.starting(only(model, 'a'));
    timing?.marked(100);
    model.applyChild({ current: aChild({ replicas: 4 }) }, 107);
    expect(timing?.ms).toBe(7);
  });

  test('of a session that did not start is dropped', () => {
    const model = aModel();
    model.starting(only(model, 'a'));
    model.failed(only(model, 'a'));
    busyAt(model, 'a', 100);
    model.applyChild({ current: aChild({ replicas: 4 }) }, 107);
    expect(model.rows()[0]?.reactionMs).toBeUndefined();
  });
});

describe('the log', () => {
  const event = {
    uid: 'e',
    namespace: 'default',
    name: 'e',
    resourceVersion: '1',
    hsd: 'rooms',
    type: 'Warning',
    reason: 'Refused',
    note: 'no',
    at: 5,
  };

  test('says each Event once, whatever its series counts', () => {
    const model = aModel();
    model.applyEvent({ current: event });
    model.applyEvent({ current: { ...event, resourceVersion: '2' }, previous: event });
    expect(model.log).toEqual([{ at: 5, hsd: 'rooms', text: 'Refused: no', isWarning: true }]);
  });

  test('keeps 200 entries', () => {
    const model = aModel();
    for (let at = 0; at < 250; at += 1) model.note({ at, hsd: 'rooms', text: '', isWarning: false });
    expect(model.log.map(({ at }) => at)).toEqual(Array.from({ length: 200 }, (_, index) => index + 50));
  });
});

test('listeners hear of every change until they have had enough', () => {
  const model = aModel();
  let heard = 0;
  const unsubscribe = model.subscribe(() => {
    heard += 1;
  });
  model.applyPod({ current: demoPod(aPod('d')) }, 1);
  unsubscribe();
  model.applyPod({ current: demoPod(aPod('e')) }, 1);
  expect(heard).toBe(1);
});
