import { parsePlan, planText, randomPlan, shrink } from '../../faults/plans';
import { run } from '../../faults/run';
import { SCENARIOS } from '../../faults/scenarios';

const SESSION = { scenario: 'session', seed: 1, faults: [] };

test('the same plan gives the same trace', async () => {
  const plan = { ...SESSION, faults: [{ at: 2, name: 'operator killed after' }] };
  const [first, second] = [await run(plan, { traces: true }), await run(plan, { traces: true })];
  expect(first.trace).toContainEqual(expect.stringContaining('operator-1 is killed'));
  expect(second).toEqual(first);
});

test('a scenario without a fault comes to rest with everything as it should be', async () => {
  const { broken, writes } = await run(SESSION);
  expect(broken).toEqual([]);
  expect(writes).toContainEqual(expect.stringMatching(/^patch deployments\/rooms-workload\/scale/));
});

test.each(SCENARIOS.map(({ name }) => [name]))('the text of a plan says all of it: %s', (scenario) => {
  for (let seed = 1; seed <= 5; seed++) {
    const plan = { ...randomPlan(seed), scenario };
    expect(parsePlan(planText(plan))).toEqual(plan);
  }
});

test.each([
  ['session | 3 reply lost', /"3 reply lost" is no fault/],
  ['session | 3: no such thing', /is no fault/],
  ['session # first', /"first" is no seed/],
])('a text that is no plan is refused: %s', (text, message) => {
  expect(() => parsePlan(text)).toThrow(message);
});

test('a plan shrinks to the faults that matter', async () => {
  const faults = [1, 2, 3, 4].map((at) => ({ at, name: 'reply lost' }));
  const fails = async ({ faults: left }: { faults: readonly { at: number }[] }): Promise<boolean> =>
    [2, 4].every((at) => left.some((fault) => fault.at === at));
  expect(planText(await shrink({ ...SESSION, faults }, fails))).toBe('session | 2: reply lost | 4: reply lost');
});
