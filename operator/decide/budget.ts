import { budgetName } from '../../src/api/names';
import type { MarkWrite } from './marks';
import type { Observation, Write } from './model';
import { isLive } from './pods';

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

/**
 * `marks` in their order, with the writes of the budget around them: it is raised before Pods are marked busy and lowered
 * after others have lost that mark. One marked Pod more than the budget asks for, for however short a time, is one
 * eviction the disruption controller allows, of whichever busy Pod is asked for.
 */
export function withinBudget(observation: Observation, busy: number, marks: readonly MarkWrite[]): Write[] {
  const { budget, pods } = observation;
  const marked = pods.filter((pod) => isLive(pod) && pod.state === 'busy').length;
  const entering = marks.filter(({ pod, state }) => state === 'busy' && pod.state !== 'busy').length;
  const most = marked + entering;
  if (busy === 0 || (budget?.minAvailable ?? 0) >= most) return [...marks, ...budgetWrites(observation, busy)];
  const raise = budgetWrites(observation, most);
  // One that is not there yet is lowered by the next pass, which knows it.
  const lower: Write[] = budget !== undefined && busy < most ? [{ kind: 'setBudget', budget, minAvailable: busy }] : [];
  return [...raise, ...marks, ...lower];
}
