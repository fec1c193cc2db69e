import { FAULTS } from './catalogue/catalogue';
import { seeded } from './cluster/time';
import { type Fault, type Plan, run } from './run';
import { SCENARIOS, type Scenario } from './scenarios';

/** Every single fault at every write of a scenario. */
export async function singleFaults({ name }: Scenario): Promise<Plan[]> {
  const { strikes } = await run({ scenario: name, seed: 1, faults: [] }, { listsStrikes: true });
  const faults = strikes.flatMap((names, index) => names.map((fault): Fault => ({ at: index + 1, name: fault })));
  return [[], ...faults.map((fault) => [fault])].map((each) => ({ scenario: name, seed: 1, faults: each }));
}

/** Faults of one random plan, and the write up to which they strike. */
const MOST_FAULTS = 3;
const LAST_WRITE = 24;

/** The plan of a seed: the same for ever, as long as scenarios and catalogue are. */
export function randomPlan(seed: number, scenarios: readonly Scenario[] = SCENARIOS): Plan {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const names = [...FAULTS.keys()];
  const scenario = scenarios[below(scenarios.length)];
  const faults = Array.from({ length: 1 + below(MOST_FAULTS) }, (): Fault => {
    // Early ones more often: whatever follows meets what they left.
    const at = 1 + Math.min(below(LAST_WRITE), below(LAST_WRITE));
    return { at, name: names[below(names.length)] ?? '' };
  });
  return { scenario: scenario?.name ?? '', seed, faults: faults.sort((a, b) => a.at - b.at) };
}

const isBroken = async (plan: Plan): Promise<boolean> => (await run(plan)).broken.length > 0;

/** The shortest part of a plan that still fails. */
export async function shrink(plan: Plan, fails: (plan: Plan) => Promise<boolean> = isBroken): Promise<Plan> {
  for (const fault of plan.faults) {
    const smaller = { ...plan, faults: plan.faults.filter((other) => other !== fault) };
    if (await fails(smaller)) return shrink(smaller, fails);
  }
  return plan;
}

/** `scenario | 3: reply lost | 5: late`, with `# seed` behind it when it is not 1. */
export function planText({ scenario, seed, faults }: Plan): string {
  const text = [scenario, ...faults.map(({ at, name }) => `${at}: ${name}`)].join(' | ');
  return seed === 1 ? text : `${text} # ${seed}`;
}

/** The plan that `planText` wrote. @throws Error that says what is wrong with the text */
export function parsePlan(text: string): Plan {
  const [body = '', seed = '1'] = text.split('#').map((part) => part.trim());
  const [scenario = '', ...faults] = body.split('|').map((part) => part.trim());
  if (!/^\d+$/.test(seed)) throw new Error(`"${seed}" is no seed: write a whole number behind the #`);
  return {
    scenario,
    seed: Number(seed),
    faults: faults.map((fault) => {
      const [, at, name = ''] = /^(\d+): (.+)$/.exec(fault) ?? [];
      if (at === undefined || !FAULTS.has(name))
        throw new Error(`"${fault}" is no fault: write "<write>: <name>", as a report does`);
      return { at: Number(at), name };
    }),
  };
}
