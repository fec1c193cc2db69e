import {
  DELETION_COST_ANNOTATION,
  DO_NOT_DISRUPT_ANNOTATION,
  NAME_LABEL,
  SAFE_TO_EVICT_ANNOTATION,
  STATE_LABEL,
} from './names';

/** What a Pod is doing, as its label `hsd.paia.tech/state` says. */
export type PodState = 'starting' | 'idle' | 'busy' | 'draining';

export const POD_STATES: readonly PodState[] = ['starting', 'idle', 'busy', 'draining'];

/** Annotations that go with a state; `null` takes the annotation away (JSON merge patch, RFC 7396). */
export type MarkAnnotations = Record<string, string | null>;

/**
 * Marks of each state. A busy Pod outranks every idle one in the ReplicaSet's victim order (KEP-2255) and pins its
 * node; a draining one goes first; an idle one carries nothing, so that autoscalers may move it.
 */
export const MARKS: Readonly<Record<PodState, MarkAnnotations>> = {
  starting: annotations(null, false),
  idle: annotations(null, false),
  busy: annotations('1000', true),
  draining: annotations('-1000', false),
};

function annotations(cost: string | null, pinned: boolean): MarkAnnotations {
  return {
    [DELETION_COST_ANNOTATION]: cost,
    [SAFE_TO_EVICT_ANNOTATION]: pinned ? 'false' : null,
    [DO_NOT_DISRUPT_ANNOTATION]: pinned ? 'true' : null,
  };
}

/** Labels of a Pod in `state` that belongs to the HotStandbyDeployment called `name`. */
export function markLabels(name: string, state: PodState): Record<string, string> {
  return { [NAME_LABEL]: name, [STATE_LABEL]: state };
}
