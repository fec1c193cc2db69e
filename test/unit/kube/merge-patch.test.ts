import fc from 'fast-check';
import { mergePatchBetween } from '../../../operator/kube/merge-patch';

/** RFC 7396, section 2. */
function apply(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isMap = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result: Record<string, unknown> = isMap ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = apply(result[key], value);
  }
  return result;
}

test.each<[string, object, object, object]>([
  ['nothing', { a: 1, b: { c: [1] } }, { a: 1, b: { c: [1] } }, {}],
  ['a value', { a: 1 }, { a: 2 }, { a: 2 }],
  ['a new field', {}, { a: { b: 1 } }, { a: { b: 1 } }],
  ['a field less, at any depth', { a: { b: 1, c: 2 }, d: 3 }, { a: { b: 1 } }, { a: { c: null }, d: null }],
  ['a list, which is replaced whole', { a: [{ n: 1 }, { n: 2 }] }, { a: [{ n: 2 }] }, { a: [{ n: 2 }] }],
])('what changes is %s', (_what, before, after, patch) => {
  expect(mergePatchBetween(before, after)).toEqual(patch);
});

test('whatever the two are, the patch makes one of the other', () => {
  const { tree } = fc.letrec((tie) => ({
    leaf: fc.oneof(fc.integer(), fc.string(), fc.array(fc.integer(), { maxLength: 2 })),
    node: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof(tie('leaf'), tie('node')), { maxKeys: 3 }),
    tree: tie('node'),
  }));
  fc.assert(
    fc.property(tree, tree, (before, after) => {
      const patch = mergePatchBetween(before as object, after as object);
      expect(apply(before, patch)).toEqual(apply({}, after));
    }),
  );
});
