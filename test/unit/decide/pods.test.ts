import type { Observation, PodView, ProbeAnswer } from '../../../operator/decide/model';
import { busyKeyOf, isLive, type PodFacts, podFacts, stateOf } from '../../../operator/decide/pods';
import type { PodState } from '../../../src/api/marks';
import { anHsd, anObservation, aPod, aReplicaSet, aSpec, HTTP, NOW, type PodBuilder } from './builders';

function factsOf(pod: PodBuilder, options: Partial<Observation> & { answer?: ProbeAnswer['state'] } = {}): PodFacts {
  const { answer, ...rest } = options;
  const probes = new Map(answer === undefined ? [] : [[pod.build().uid, { state: answer, checkedAt: NOW }]]);
  const [facts] = podFacts({ ...anObservation({ pods: [pod] }), probes, ...rest }, new Set());
  if (facts === undefined) throw new Error('the Pod is not live');
  return facts;
}

const http = { hsd: anHsd({ spec: HTTP }) };
/** As started by a template of http mode. */
const httpPod = (): PodBuilder => aPod().with({ busyKey: undefined });
const customKey = {
  hsd: anHsd({ spec: { busyProbe: { mode: 'annotation', annotationKey: 'example.com/occupied' } } }),
};

describe('which Pods count', () => {
  const table: [sentence: string, pod: Partial<PodView>, live: boolean][] = [
    ['a running Pod does', {}, true],
    ['a Pending Pod does', { phase: 'Pending' }, true],
    ['a Pod of unknown phase does: its node may come back', { phase: 'Unknown' }, true],
    ['a Pod being deleted does not', { deleting: true }, false],
    ['a Pod that succeeded does not', { phase: 'Succeeded' }, false],
    ['a Pod that failed does not', { phase: 'Failed' }, false],
  ];
  test.each(table)('%s', (_sentence, pod, live) => {
    expect(isLive(aPod().with(pod).build())).toBe(live);
  });
});

describe('annotation mode', () => {
  test('the key is the one of the spec, by default paia.tech/busy', () => {
    expect(busyKeyOf(aSpec({ busyProbe: undefined }))).toBe('paia.tech/busy');
    expect(busyKeyOf(aSpec({ busyProbe: {} }))).toBe('paia.tech/busy');
    expect(busyKeyOf(customKey.hsd.spec)).toBe('example.com/occupied');
    expect(busyKeyOf(http.hsd.spec)).toBeUndefined();
  });

  test('a Pod is busy while the annotation of the spec says so', () => {
    expect(factsOf(aPod().busy())).toMatchObject({ busy: true, spared: true, unknown: false, free: false });
    expect(factsOf(aPod())).toMatchObject({ busy: false, spared: false, unknown: false, free: true });
  });

  test('another annotation that says "true" means nothing', () => {
    expect(factsOf(aPod().busy('example.com/other'))).toMatchObject({ busy: false });
  });

  test('after annotationKey changed, a Pod started before is busy by its own key', () => {
    const pod = aPod().with({ busyKey: 'paia.tech/busy' });
    expect(factsOf(pod.busy('paia.tech/busy'), customKey)).toMatchObject({ busy: true });
    expect(factsOf(pod.busy('example.com/occupied'), customKey)).toMatchObject({ busy: true });
    expect(factsOf(pod, customKey)).toMatchObject({ busy: false });
  });

  test('annotationKey changed twice in one session: the key it began with counts to its end', () => {
    const twice = { hsd: anHsd({ spec: { busyProbe: { mode: 'annotation', annotationKey: 'example.com/third' } } }) };
    const pod = aPod().busy('example.com/second');
    expect(factsOf(pod, { ...twice, seenKeys: new Set(['example.com/second']) })).toMatchObject({ busy: true });
    const replicaSets = [aReplicaSet({ templateKeys: { busyKey: 'example.com/second' } })];
    expect(factsOf(pod, { ...twice, replicaSets })).toMatchObject({ busy: true });
    expect(factsOf(aPod(), twice)).toMatchObject({ busy: false });
  });

  test('a Pod of which nobody knows how it tells is busy by either', () => {
    expect(factsOf(httpPod().busy(), { answer: 'idle' })).toMatchObject({ busy: true });
    expect(factsOf(httpPod(), { answer: 'busy' })).toMatchObject({ busy: true });
    expect(factsOf(httpPod(), { answer: 'idle' })).toMatchObject({ busy: false });
  });

  test('a Pod without readiness is as busy as any, but not free when idle', () => {
    expect(factsOf(aPod().busy().notReady())).toMatchObject({ busy: true, spared: true });
    expect(factsOf(aPod().notReady())).toMatchObject({ busy: false, free: false });
  });

  test('a Pod started in http mode cannot say that it is free: it keeps its last state and is spared', () => {
    expect(factsOf(httpPod().marked('busy'))).toMatchObject({ busy: true, unknown: true, spared: true });
    expect(factsOf(httpPod().marked('idle'))).toMatchObject({ busy: false, unknown: true, spared: true, free: false });
    expect(factsOf(httpPod().pending())).toMatchObject({ unknown: false, spared: false });
  });

  test('a Pod nobody has labelled yet is read by the annotation of the spec', () => {
    const stranger = httpPod().with({ hsd: undefined, state: undefined });
    expect(factsOf(stranger)).toMatchObject({ busy: false, unknown: false });
    expect(factsOf(stranger.busy())).toMatchObject({ busy: true, unknown: false });
  });
});

describe('http mode', () => {
  const table: [
    sentence: string,
    pod: PodBuilder,
    answer: ProbeAnswer['state'] | undefined,
    want: Partial<PodFacts>,
  ][] = [
    ['busy by its answer', httpPod(), 'busy', { busy: true, unknown: false, spared: true, free: false }],
    [
      'idle by its answer',
      httpPod().marked('busy'),
      'idle',
      { busy: false, unknown: false, spared: false, free: true },
    ],
    [
      'a failed probe keeps busy busy',
      httpPod().marked('busy'),
      'unknown',
      { busy: true, unknown: true, spared: true },
    ],
    [
      'a failed probe spares an idle Pod',
      httpPod(),
      'unknown',
      { busy: false, unknown: true, spared: true, free: false },
    ],
    ['a Pod that was not probed yet is spared', httpPod(), undefined, { busy: false, unknown: true, spared: true }],
    ['the annotation alone means nothing', httpPod().busy(), 'idle', { busy: false }],
    [
      'a Pending Pod is not busy',
      httpPod().pending().marked('busy'),
      'busy',
      { busy: false, unknown: false, spared: false },
    ],
    [
      'a Pod without a running container is not busy',
      httpPod().with({ running: false, ready: false }),
      undefined,
      { busy: false, unknown: false, spared: false },
    ],
    [
      'a Pod started in annotation mode is busy by its own key, whatever its probe says',
      aPod().busy(),
      'unknown',
      { busy: true, unknown: false },
    ],
    [
      'a Pod started in annotation mode is free without the key',
      aPod(),
      'unknown',
      { busy: false, unknown: false, free: true },
    ],
  ];
  test.each(table)('%s', (_sentence, pod, answer, want) => {
    expect(factsOf(pod, { ...http, answer })).toMatchObject(want);
  });
});

describe('attached or detached', () => {
  const attached = (pod: PodBuilder, retired: string[] = []): boolean | undefined =>
    podFacts(anObservation({ pods: [pod] }), new Set(retired))[0]?.attached;

  test('a Pod of a ReplicaSet is attached, even of one not seen yet', () => {
    expect(attached(aPod())).toBe(true);
    expect(attached(aPod().of('rs-unseen'))).toBe(true);
  });

  test('a Pod of a retired ReplicaSet, of the hsd or of nobody is detached', () => {
    expect(attached(aPod().of('rs-old'), ['rs-old'])).toBe(false);
    expect(attached(aPod().detached())).toBe(false);
    expect(attached(aPod().orphan())).toBe(false);
  });
});

describe('the state its label should say', () => {
  interface Case {
    pod: PodBuilder;
    draining?: boolean;
    unknown?: boolean;
    want: PodState;
  }
  const table: [sentence: string, Case][] = [
    ['starting until it is Ready', { pod: aPod().marked('starting').notReady(), want: 'starting' }],
    ['idle once it is Ready', { pod: aPod().marked('starting'), want: 'idle' }],
    ['idle stays idle when readiness flaps', { pod: aPod().marked('idle').notReady(), want: 'idle' }],
    ['busy while a session lasts', { pod: aPod().marked('idle').busy(), want: 'busy' }],
    ['busy although it is not Ready', { pod: aPod().marked('starting').busy().notReady(), want: 'busy' }],
    ['busy outranks draining', { pod: aPod().marked('draining').busy(), draining: true, want: 'busy' }],
    ['draining once it is chosen', { pod: aPod(), draining: true, want: 'draining' }],
    ['back to idle when it is not chosen any more', { pod: aPod().marked('draining'), want: 'idle' }],
    ['back to starting when it was never Ready', { pod: aPod().marked('draining').notReady(), want: 'starting' }],
    ['idle again after a session, Ready or not', { pod: aPod().marked('busy').notReady(), want: 'idle' }],
    ['an unlabelled Pod that is Ready is idle', { pod: aPod().marked(undefined), want: 'idle' }],
    ['an unlabelled Pod that is not Ready is starting', { pod: aPod().marked(undefined).notReady(), want: 'starting' }],
    ['unknown keeps idle', { pod: aPod(), unknown: true, want: 'idle' }],
    [
      'unknown and Ready, never probed: still starting',
      { pod: aPod().marked('starting'), unknown: true, want: 'starting' },
    ],
    [
      'unknown takes a draining Pod back: its cost would end it first',
      { pod: aPod().marked('draining'), unknown: true, want: 'idle' },
    ],
  ];
  test.each(table)('%s', (_sentence, { pod, draining = false, unknown = false, want }) => {
    expect(stateOf({ ...factsOf(pod), ...(unknown && { unknown, free: false }) }, draining)).toBe(want);
  });
});
