import { budgetName } from '../../src/api/names';
import type { Observation, Write } from './model';

/**
 * Keeps the PodDisruptionBudget over `state=busy` at the number of busy Pods, so that no eviction of one is allowed. An
 * integer minAvailable counts Pods whoever owns them; maxUnavailable or a percentage would read the scale of each Pod's
 * direct controller and compute nonsense for detached Pods (docs: Specifying a Disruption Budget for your Application).
 */
export function budgetWrites({ hsd, budget }: Observation, busy: number): Write[] {
  if (busy === 0) return budget === undefined ? [] : [{ kind: 'deleteBudget', budget }];
  if (budget === undefined) return [{ kind: 'createBudget', name: budgetName(hsd.name), minAvailable: busy }];
  return budget.minAvailable === busy ? [] : [{ kind: 'setBudget', budget, minAvailable: busy }];
}
