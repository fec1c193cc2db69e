import type { HsdView, PodView } from '../../../operator/decide/model';
import { templateHash } from '../../../operator/decide/template';
import { keepKey, withTrueKeys } from '../../../operator/observe/true-keys';
import { anHsd, aPod, aReplicaSet, HTTP, type PodBuilder } from '../decide/builders';

const http = anHsd({ spec: HTTP });
const hsd = anHsd();
const bare = aPod().with({ busyKey: undefined });
const madeFrom = (pod: PodBuilder, owner: HsdView): PodBuilder => pod.with({ templateHash: templateHash(owner) });

const table: [sentence: string, hsd: HsdView, pod: PodBuilder, key: string | undefined, isTrue: boolean][] = [
  ['its own key', hsd, aPod(), 'paia.tech/busy', true],
  ['its own key, though the spec has another by now', http, aPod().of('rs-unseen'), 'paia.tech/busy', true],
  ['none in http mode', http, madeFrom(bare, http), undefined, true],
  ['the key of the spec when it was made from it and lost its own', hsd, madeFrom(bare, hsd), 'paia.tech/busy', false],
  ['none when http mode gave it one that was forged', http, madeFrom(aPod(), http), undefined, false],
  ['the key of its ReplicaSet when it lost all of its annotations', hsd, bare, 'paia.tech/busy', false],
  ['none when nobody knows', hsd, bare.detached(), undefined, true],
];
test.each(table)('a Pod has %s', (_sentence, owner, pod, busyKey, isTrue) => {
  const { busyKey: _, ...rest } = pod.build();
  const want: PodView = { ...rest, ...(busyKey !== undefined && { busyKey }), ...(!isTrue && { untrueKey: true }) };
  expect(withTrueKeys(owner, [pod.build()], [aReplicaSet({}, owner)])).toEqual([
    pod.build().busyKey === undefined && busyKey === undefined ? { ...want, busyKey: undefined } : want,
  ]);
});

test('a Pod that was seen with its key has it still, also when it has no ReplicaSet any more', () => {
  const before = aPod('a').detached().build();
  const after = keepKey({ ...before, busyKey: undefined, resourceVersion: '2' }, before);
  expect(after).toEqual({ ...before, resourceVersion: '2', untrueKey: true });
  expect(keepKey({ ...after, busyKey: undefined, resourceVersion: '3' }, after)).toMatchObject({
    busyKey: 'paia.tech/busy',
  });
  expect(keepKey(before, undefined)).toBe(before);
});
