import { markWrite as writeOf } from '../../../operator/decide/marks';
import type { HsdView, PodView } from '../../../operator/decide/model';
import { MARKS, POD_STATES, type PodState } from '../../../src/api/marks';
import { anHsd, aPod, HTTP } from './builders';

const COST = 'controller.kubernetes.io/pod-deletion-cost';
const EVICT = 'cluster-autoscaler.kubernetes.io/safe-to-evict';
const KARPENTER = 'karpenter.sh/do-not-disrupt';
const hsd = anHsd();
const markWrite = (owner: HsdView, pod: PodView, state: PodState): ReturnType<typeof writeOf> =>
  writeOf(owner, pod, state, true);

test.each(POD_STATES)('a Pod marked %s already is not written again', (state) => {
  expect(markWrite(hsd, aPod().marked(state).build(), state)).toBeUndefined();
});

test('a Pod that turned busy gets label, cost and autoscaler marks in one write', () => {
  expect(markWrite(hsd, aPod().build(), 'busy')).toMatchObject({
    labels: { 'hsd.paia.tech/name': 'rooms', 'hsd.paia.tech/state': 'busy' },
    annotations: { [COST]: '1000', [EVICT]: 'false', [KARPENTER]: 'true' },
  });
});

test.each<[PodState, PodState]>([
  ['busy', 'idle'],
  ['draining', 'idle'],
  ['busy', 'draining'],
  ['draining', 'busy'],
])('from %s to %s nothing of the old state is left', (from, to) => {
  const pod = aPod().marked(from).build();
  const after = { ...pod.marks };
  for (const [key, value] of Object.entries(markWrite(hsd, pod, to)?.annotations ?? {})) {
    if (value === null) delete after[key];
    else after[key] = value;
  }
  expect(after).toEqual(aPod().marked(to).build().marks);
});

test('only the marks that differ are written', () => {
  const pod = aPod()
    .with({ state: 'busy', marks: { [COST]: '1000', [EVICT]: 'false' } })
    .build();
  expect(markWrite(hsd, pod, 'busy')?.annotations).toEqual({ [KARPENTER]: 'true' });
});

test('a value somebody else wrote is not taken away', () => {
  const pod = aPod().with({
    state: 'busy',
    marks: { ...aPod().marked('busy').build().marks, [COST]: '7', [EVICT]: 'true' },
  });
  expect(markWrite(hsd, pod.build(), 'idle')?.annotations).toEqual({ [KARPENTER]: null });
});

test('a foreign value on an idle Pod is left alone and costs no write', () => {
  const pod = aPod().with({ state: 'idle', marks: { [COST]: '50' } });
  expect(markWrite(hsd, pod.build(), 'idle')).toBeUndefined();
});

test('only the mark that protects lands on a Pod that changed meanwhile', () => {
  const unchangedOnly = (state: PodState): boolean | undefined =>
    markWrite(hsd, aPod().marked(undefined).build(), state)?.unchangedOnly;
  expect(POD_STATES.map((state) => [state, unchangedOnly(state)])).toEqual([
    ['starting', true],
    ['idle', true],
    ['busy', false],
    ['draining', true],
  ]);
});

describe('a Pod of the original operator', () => {
  const stranger = aPod().marked(undefined).with({ hsd: undefined, busyKey: undefined }).build();

  test('learns the busy key, so that the guard sees it', () => {
    expect(markWrite(hsd, stranger, 'idle')).toMatchObject({
      labels: { 'hsd.paia.tech/name': 'rooms', 'hsd.paia.tech/state': 'idle' },
      annotations: { 'hsd.paia.tech/busy-key': 'paia.tech/busy' },
    });
  });

  test('learns in http mode that it has none', () => {
    expect(markWrite(anHsd({ spec: HTTP }), stranger, 'idle')?.annotations).toEqual({ 'hsd.paia.tech/busy-key': '' });
  });
});

test('a Pod that lost its busy key, or says another one, gets it back', () => {
  const pod = aPod().marked('busy').with({ untrueKey: true });
  expect(markWrite(hsd, pod.build(), 'busy')?.annotations).toEqual({ 'hsd.paia.tech/busy-key': 'paia.tech/busy' });
  const probed = pod.with({ busyKey: undefined });
  expect(markWrite(anHsd({ spec: HTTP }), probed.build(), 'busy')?.annotations).toEqual({
    'hsd.paia.tech/busy-key': '',
  });
});

test('a busy Pod outranks an idle one and a draining one goes first', () => {
  const cost = (state: PodState): number => Number(MARKS[state][COST] ?? 0);
  expect(cost('busy')).toBeGreaterThan(cost('idle'));
  expect(cost('idle')).toBeGreaterThan(cost('draining'));
});

describe('what the template says of a key of ours', () => {
  const own = anHsd({
    spec: {
      podTemplate: {
        metadata: { annotations: { [EVICT]: 'false', [KARPENTER]: 'true', [COST]: '5' } },
        spec: { containers: [{ name: 'room' }] },
      },
    },
  });
  const born = { [EVICT]: 'false', [KARPENTER]: 'true', [COST]: '5' };
  /** Marks of a Pod after the write for `state`. */
  const marksAfter = (pod: PodView, state: PodState): Record<string, string> => {
    const written = { ...pod.marks, ...markWrite(own, pod, state)?.annotations };
    return Object.fromEntries(Object.entries(written).flatMap(([k, value]) => (value === null ? [] : [[k, value]])));
  };

  test.each<PodState>(['busy', 'draining'])('is back after %s', (state) => {
    const idle = aPod().marked('idle').with({ marks: born }).build();
    const marked = aPod()
      .with({ state, marks: marksAfter(idle, state) })
      .build();
    expect(marked.marks).toEqual({ ...born, ...Object.fromEntries(Object.entries(MARKS[state]).filter(([, v]) => v)) });
    expect(marksAfter(marked, 'idle')).toEqual(born);
    expect(
      markWrite(
        own,
        aPod()
          .with({ state: 'idle', marks: marksAfter(marked, 'idle') })
          .build(),
        'idle',
      ),
    ).toBeUndefined();
  });

  test('is put back where an admission policy took the marks away', () => {
    expect(marksAfter(aPod().marked('idle').with({ marks: {} }).build(), 'idle')).toEqual(born);
  });

  test('does not take the place of what somebody else wrote', () => {
    const foreign = aPod()
      .marked('idle')
      .with({ marks: { ...born, [COST]: '7' } })
      .build();
    expect(markWrite(own, foreign, 'idle')).toBeUndefined();
  });
});
