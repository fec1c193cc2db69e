import fc from 'fast-check';
import { decide } from '../../../operator/decide/decide';
import type { DeploymentView, HsdView, PodView, Write } from '../../../operator/decide/model';
import { HeadStart } from '../../../operator/reconcile/head-start';
import type { HotStandbySpec } from '../../../src/api/types';
import { aChild, anHsd, anObservation, aPod, HTTP, NOW, type PodBuilder, pods } from '../decide/builders';

const KEY = 'default/rooms';
const NAMES = ['a-1', 'a-2', 'a-3', 'a-4'];

let head: HeadStart;

beforeEach(() => {
  head = new HeadStart();
});

interface Scene {
  hsd: HsdView;
  child: DeploymentView;
}

/** An hsd with four idle Pods, as wanted. */
function scene(spec: Partial<HotStandbySpec> = {}, child: Partial<DeploymentView> = {}): Scene {
  const hsd = anHsd({ spec: { idleTarget: 4, ...spec } });
  return { hsd, child: aChild({ replicas: 4, ...child }, hsd) };
}

/** A pass that found these Pods. */
function pass(
  { hsd, child }: Scene,
  seen: readonly (PodView | PodBuilder)[] = pods('a', 4),
  reserved: readonly string[] = [],
): void {
  const observation = {
    ...anObservation({ hsd, child, pods: seen }),
    claims: { reserved: new Set(reserved), waiting: 0 },
  };
  head.seen(KEY, observation, observation.child, decide(observation));
}

function turnsBusy({ hsd }: Scene, name: string): void {
  head.podChanged(KEY, hsd, { previous: aPod(name).build(), current: aPod(name).busy().build() });
}

function turnsIdle({ hsd }: Scene, name: string): void {
  head.podChanged(KEY, hsd, { previous: aPod(name).busy().build(), current: aPod(name).build() });
}

const raised = ({ hsd, child }: Scene): number | undefined => head.raise(KEY, hsd, child)?.write.replicas;

test('a session that begins raises the child by one, before any pass', () => {
  const at = scene();
  pass(at);
  turnsBusy(at, 'a-1');
  expect(raised(at)).toBe(5);
});

test('a claim that the pass has counted already does not raise the child once more when its write arrives', () => {
  const at = scene({}, { replicas: 5 });
  pass(at, pods('a', 5), ['a-1']);
  turnsBusy(at, 'a-1');
  expect(raised(at)).toBeUndefined();
  turnsBusy(at, 'a-2');
  expect(raised(at)).toBe(6);
});

test('sessions that begin and end meanwhile are set off against each other', () => {
  const at = scene();
  pass(at, [aPod('a-1').busy().marked('busy'), ...NAMES.slice(1).map((name) => aPod(name)), aPod('a-5')]);
  turnsBusy(at, 'a-2');
  turnsIdle(at, 'a-1');
  expect(raised({ ...at, child: { ...at.child, replicas: 5 } })).toBeUndefined();
  turnsBusy(at, 'a-3');
  expect(raised({ ...at, child: { ...at.child, replicas: 5 } })).toBe(6);
});

test('a busy Pod that goes is a session that ends', () => {
  const at = scene();
  pass(at);
  turnsBusy(at, 'a-1');
  head.podChanged(KEY, at.hsd, { previous: aPod('a-1').busy().build() });
  expect(raised(at)).toBeUndefined();
});

test('what a pass has seen counts no more', () => {
  const at = scene();
  pass(at);
  turnsBusy(at, 'a-1');
  pass(at, [aPod('a-1').busy().marked('busy'), ...NAMES.slice(1).map((name) => aPod(name))]);
  expect(raised({ ...at, child: { ...at.child, replicas: 5 } })).toBeUndefined();
});

const before = scene();
test.each<[string, Scene, Scene]>([
  ['the child holds enough', before, { ...before, child: { ...before.child, replicas: 5 } }],
  ['maxReplicas is reached', scene({ maxReplicas: 4 }), scene({ maxReplicas: 4 })],
  ['the spec is another one', before, { ...before, hsd: { ...before.hsd, generation: 2 } }],
  ['the hsd is another one of that name', before, { ...before, hsd: { ...before.hsd, uid: 'hsd-2' } }],
  ['the hsd is being deleted', before, { ...before, hsd: { ...before.hsd, deleting: true } }],
  ['the child is another one', before, { ...before, child: { ...before.child, uid: 'child-2' } }],
  ['the child has another template', before, { ...before, child: { ...before.child, templateHash: 'other' } }],
  ['a rollout has paused the child', before, { ...before, child: { ...before.child, paused: true } }],
  ['the child is being deleted', before, { ...before, child: { ...before.child, deleting: true } }],
  ['the hsd is paused', scene({ paused: true }), scene({ paused: true })],
  ['the child is somebody else’s', scene({}, { controller: undefined }), scene({}, { controller: undefined })],
])('nothing is raised ahead when %s', (_name, passed, now) => {
  pass(passed);
  turnsBusy(passed, 'a-1');
  expect(raised(now)).toBeUndefined();
});

test('nothing is raised ahead while a Pod lives outside the child', () => {
  const at = scene();
  pass(at, [...pods('a', 4), aPod('old').detached().busy().marked('busy')]);
  turnsBusy(at, 'a-1');
  expect(raised(at)).toBeUndefined();
});

test('nothing is raised ahead while no Pod of the template has ever been available', () => {
  const at = scene();
  const observation = anObservation({
    ...at,
    pods: pods('a', 4, (pod) => pod.notReady().marked('starting')),
    growth: null,
  });
  head.seen(KEY, observation, at.child, decide(observation));
  turnsBusy(at, 'a-1');
  expect(raised(at)).toBeUndefined();
});

test('Pods that HTTP probes tell about are left to the pass', () => {
  const at = scene(HTTP);
  pass(
    at,
    NAMES.map((name) => aPod(name).with({ busyKey: undefined })),
  );
  const previous = aPod('a-1').with({ busyKey: undefined }).build();
  head.podChanged(KEY, at.hsd, { previous, current: { ...previous, trueKeys: ['paia.tech/busy'] } });
  expect(raised(at)).toBeUndefined();
});

test('nothing is known before the first pass, nor of an hsd that is gone', () => {
  const at = scene();
  turnsBusy(at, 'a-1');
  expect(raised(at)).toBeUndefined();
  pass(at);
  turnsBusy(at, 'a-1');
  head.forget(KEY);
  expect(raised(at)).toBeUndefined();
});

test('whatever turned busy or idle, the raise is the one the pass would have decided on', () => {
  const size = 6;
  const flags = fc.array(fc.boolean(), { minLength: size, maxLength: size });
  const limits = fc.record(
    { idleTarget: fc.nat(5), minReplicas: fc.nat(9), maxReplicas: fc.integer({ min: 1, max: 9 }) },
    { requiredKeys: ['idleTarget', 'minReplicas'] },
  );
  fc.assert(
    fc.property(flags, flags, limits, fc.nat(9), (wasBusy, isBusy, spec, replicas) => {
      const fresh = new HeadStart();
      const hsd = anHsd({ spec });
      const child = aChild({ replicas }, hsd);
      const podsOf = (busy: readonly boolean[]): PodView[] =>
        busy.map((is, i) => (is ? aPod(`p-${i}`).busy().marked('busy') : aPod(`p-${i}`)).build());
      const [then, now] = [podsOf(wasBusy), podsOf(isBusy)];
      const observation = anObservation({ hsd, child, pods: then });
      fresh.seen(KEY, observation, child, decide(observation));
      for (const [i, current] of now.entries()) fresh.podChanged(KEY, hsd, { previous: then[i], current });
      const ahead = fresh.raise(KEY, hsd, child)?.write.replicas;
      const turned = isBusy.filter(Boolean).length - wasBusy.filter(Boolean).length;
      const decided = decide({ ...anObservation({ hsd, child, pods: now }), now: NOW }).writes.find(isRaise);
      expect(ahead).toBe(turned > 0 ? decided?.replicas : undefined);
    }),
  );
});

function isRaise(write: Write): write is Extract<Write, { kind: 'scaleChild' }> {
  return write.kind === 'scaleChild' && write.replicas > write.child.replicas;
}
