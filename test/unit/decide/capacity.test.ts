import fc from 'fast-check';
import { type CapacityInput, capacity } from '../../../operator/decide/capacity';

const table: [sentence: string, input: CapacityInput, want: ReturnType<typeof capacity>][] = [
  ['no session: the idle target', { busy: 0, idleTarget: 3, minReplicas: 0 }, { desired: 3, idleWanted: 3 }],
  [
    'sessions come on top of the idle target',
    { busy: 2, idleTarget: 3, minReplicas: 0 },
    { desired: 5, idleWanted: 3 },
  ],
  [
    'whoever waits for a Pod takes one beside those kept idle',
    { busy: 2, waiting: 4, idleTarget: 3, minReplicas: 0 },
    { desired: 9, idleWanted: 7 },
  ],
  [
    'maxReplicas holds for those who wait, too',
    { busy: 2, waiting: 40, idleTarget: 3, minReplicas: 0, maxReplicas: 6 },
    { desired: 6, idleWanted: 4, limit: 'TooManyReplicas' },
  ],
  [
    'maxReplicas eats into the idle Pods',
    { busy: 4, idleTarget: 3, minReplicas: 0, maxReplicas: 5 },
    { desired: 5, idleWanted: 1, limit: 'TooManyReplicas' },
  ],
  [
    'maxReplicas below the sessions ends none of them',
    { busy: 6, idleTarget: 3, minReplicas: 0, maxReplicas: 5 },
    { desired: 6, idleWanted: 0, limit: 'TooManyReplicas' },
  ],
  [
    'minReplicas adds idle Pods',
    { busy: 1, idleTarget: 1, minReplicas: 5 },
    { desired: 5, idleWanted: 4, limit: 'TooFewReplicas' },
  ],
  [
    'limits that are met exactly do not limit',
    { busy: 2, idleTarget: 3, minReplicas: 5, maxReplicas: 5 },
    { desired: 5, idleWanted: 3 },
  ],
  ['nothing wanted, nothing there', { busy: 0, idleTarget: 0, minReplicas: 0 }, { desired: 0, idleWanted: 0 }],
  ['idleTarget 0 keeps the sessions alone', { busy: 3, idleTarget: 0, minReplicas: 0 }, { desired: 3, idleWanted: 0 }],
  [
    'of a max below min, which the CRD refuses, max wins',
    { busy: 0, idleTarget: 3, minReplicas: 4, maxReplicas: 2 },
    { desired: 2, idleWanted: 2, limit: 'TooManyReplicas' },
  ],
];

test.each(table)('%s', (_sentence, input, want) => {
  expect(capacity(input)).toEqual(want);
});

const count = fc.nat({ max: 1_000 });
const input = fc.record({
  busy: count,
  idleTarget: count,
  minReplicas: count,
  maxReplicas: fc.option(fc.integer({ min: 1, max: 1_000 }), { nil: undefined }),
});

describe('for any numbers', () => {
  test('there are never fewer Pods than sessions', () => {
    fc.assert(
      fc.property(input, (numbers) => {
        const { desired, idleWanted } = capacity(numbers);
        expect(desired).toBeGreaterThanOrEqual(numbers.busy);
        expect(desired - idleWanted).toBe(numbers.busy);
      }),
    );
  });

  test('the count lies within the limits unless sessions exceed them', () => {
    fc.assert(
      fc.property(input, (numbers) => {
        const { desired } = capacity(numbers);
        const { busy, minReplicas, maxReplicas = Number.POSITIVE_INFINITY } = numbers;
        expect(desired).toBeLessThanOrEqual(Math.max(maxReplicas, busy));
        expect(desired).toBeGreaterThanOrEqual(Math.min(minReplicas, maxReplicas));
      }),
    );
  });

  test('a limit is named exactly when it changes the sum', () => {
    fc.assert(
      fc.property(input, (numbers) => {
        const { desired, limit } = capacity(numbers);
        const sum = numbers.busy + numbers.idleTarget;
        expect(limit).toBe(desired < sum ? 'TooManyReplicas' : desired > sum ? 'TooFewReplicas' : undefined);
      }),
    );
  });

  test.each(['busy', 'idleTarget', 'minReplicas'] as const)('more %s never means fewer Pods', (field) => {
    fc.assert(
      fc.property(input, count, (numbers, more) => {
        const raised = capacity({ ...numbers, [field]: numbers[field] + more });
        expect(raised.desired).toBeGreaterThanOrEqual(capacity(numbers).desired);
      }),
    );
  });

  test('what is desired is desired again when it is the minimum', () => {
    fc.assert(
      fc.property(input, (numbers) => {
        const { desired } = capacity(numbers);
        expect(capacity({ ...numbers, minReplicas: Math.max(numbers.minReplicas, desired) }).desired).toBe(desired);
      }),
    );
  });
});
