import { isDeepStrictEqual } from 'node:util';
import { budgetName, NAME_LABEL, STATE_LABEL } from '../../src/api/names';
import type { BudgetView, HsdView, Observation, Write } from './model';
import { drains } from './template';

/** More Pods than there can be (the largest int32): the disruption controller never has one to spare. */
const ALL = 2_147_483_647;

/**
 * What every budget says, at all times: no eviction of a Pod labelled busy. A number that followed the busy count would
 * lag behind the label, which lands with the busy write itself (docs/adr/0010-static-budget.md). An integer minAvailable
 * counts Pods whoever owns them; maxUnavailable or a percentage would read the scale of each Pod's direct controller and
 * compute nonsense for detached Pods.
 */
export function budgetSpec(hsd: Pick<HsdView, 'name'>) {
  return {
    minAvailable: ALL,
    selector: { matchLabels: { [NAME_LABEL]: hsd.name, [STATE_LABEL]: 'busy' } },
    // AlwaysAllow would let a busy Pod go that dropped its readiness.
    unhealthyPodEvictionPolicy: 'IfHealthyBudget',
  };
}

/**
 * @param isNeeded there are Pods, or some are wanted
 * @returns the writes that make a budget, to be sent before any that could bring Pods; that mend one which says
 * something else (somebody changed it, or an operator of before 0.2.0 made it); and that take away one nobody needs
 */
export function budgetWrites(
  observation: Observation,
  isNeeded: boolean,
): Record<'missing' | 'wrong' | 'useless', Write[]> {
  const { hsd, budget } = observation;
  if (!isNeeded) return { missing: [], wrong: [], useless: removedBudget(observation) };
  if (budget !== undefined) return { missing: [], wrong: corrections(hsd, budget), useless: [] };
  return { missing: [{ kind: 'createBudget', name: budgetName(hsd.name) }], wrong: [], useless: [] };
}

export function removedBudget({ budget }: Observation): Write[] {
  return budget === undefined ? [] : [{ kind: 'deleteBudget', budget }];
}

function corrections(hsd: HsdView, budget: BudgetView): Write[] {
  const { minAvailable, selector, unhealthyPodEvictionPolicy, drainOnDelete } = budget;
  const isRight = isDeepStrictEqual({ minAvailable, selector, unhealthyPodEvictionPolicy }, budgetSpec(hsd));
  const writes: Write[] = isRight ? [] : [{ kind: 'repairBudget', budget }];
  if (drainOnDelete === drains(hsd)) return writes;
  return [...writes, { kind: 'markBudget', budget, value: drains(hsd) ? 'true' : null }];
}
