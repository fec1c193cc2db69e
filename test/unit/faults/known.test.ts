import { KNOWN, type Known, knownFailure, outlived } from '../../faults/known';
import { parsePlan } from '../../faults/plans';
import { SCENARIOS, scenarioNamed } from '../../faults/scenarios';

const LOSSES = [
  'busy Pod rooms-1 was ended by system:serviceaccount:kube-system:replicaset-controller',
  'without a precondition: patch deployments/rooms-workload/scale',
  'grows without end: 48 Pods at once, 60 made',
];
const ANYTHING: Known = { fault: /reply lost/, broken: /./, why: 'of the test' };
const PLAN = 'session | 2: reply lost';

describe.each(LOSSES)('%s', (loss) => {
  test('is accounted for by no pattern, however wide', () => {
    expect(knownFailure({ plan: parsePlan(PLAN), broken: [loss] }, [ANYTHING])).toBeUndefined();
    expect(knownFailure({ plan: parsePlan(PLAN), broken: ['Ready is False', loss] }, [ANYTHING])).toBeUndefined();
  });

  test('is accounted for by an entry of that very plan', () => {
    const exact = { ...ANYTHING, plan: PLAN };
    expect(knownFailure({ plan: parsePlan(PLAN), broken: [loss] }, [exact])).toBe(exact);
    expect(knownFailure({ plan: parsePlan('session | 3: reply lost'), broken: [loss] }, [exact])).toBeUndefined();
    expect(knownFailure({ plan: parsePlan(`${PLAN} # 2`), broken: [loss] }, [exact])).toBeUndefined();
  });
});

test('an entry accounts for a plan only if it names everything that plan broke', () => {
  const known = { ...ANYTHING, broken: /Ready is/ };
  const plan = parsePlan(PLAN);
  expect(knownFailure({ plan, broken: ['Ready is False'] }, [known])).toBe(known);
  expect(knownFailure({ plan, broken: ['Ready is False', 'a Pod has no owner'] }, [known])).toBeUndefined();
});

describe('an entry that nothing fails by any more is refused', () => {
  const all = new Set(SCENARIOS.map(({ name }) => name));
  const failure = { plan: parsePlan(PLAN), broken: ['Ready is False'] };
  const oneScenario = { ...ANYTHING, scenario: /^session$/ };
  const onePlan = { ...ANYTHING, plan: PLAN };

  test('once every scenario it speaks of was swept', () => {
    expect(outlived([], all, [], [ANYTHING])).toEqual([ANYTHING]);
    expect(outlived([], new Set(['session']), [], [ANYTHING])).toEqual([]);
    expect(outlived([], new Set(['session']), [], [oneScenario])).toEqual([oneScenario]);
    expect(outlived([], all, [failure], [ANYTHING])).toEqual([]);
  });

  test('once its plan was run', () => {
    expect(outlived([failure.plan], new Set(), [], [onePlan])).toEqual([onePlan]);
    expect(outlived([], all, [], [onePlan])).toEqual([]);
    expect(outlived([failure.plan], all, [failure], [onePlan])).toEqual([]);
  });
});

test.each(KNOWN.map((known) => [known.plan ?? known.why, known] as const))('says why, and of what: %s', (_, known) => {
  expect(known.why).not.toBe('');
  if (known.plan !== undefined) expect(scenarioNamed(parsePlan(known.plan).scenario)).toBeDefined();
  else expect(SCENARIOS.some(({ name }) => known.scenario?.test(name) ?? true)).toBe(true);
});
