import fc from 'fast-check';
import { compareResourceVersions } from '../../../operator/kube/resource-version';

test('versions are ordered as numbers of any size', () => {
  const version = fc.bigInt({ min: 0n, max: 2n ** 128n });
  fc.assert(
    fc.property(version, version, (a, b) => {
      const want = a < b ? -1 : a > b ? 1 : 0;
      expect(Math.sign(compareResourceVersions(String(a), String(b)))).toBe(want);
    }),
  );
});

test.each([
  ['an opaque version', 'abc', '5'],
  ['beside an opaque version', '5', 'abc'],
])('%s counts as newer, so that the order of arrival decides', (_name, a, b) => {
  expect(compareResourceVersions(a, b)).toBeGreaterThan(0);
});
