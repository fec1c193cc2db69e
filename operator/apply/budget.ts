import { budgetName, DRAIN_ANNOTATION, NAME_LABEL, STATE_LABEL } from '../../src/api/names';
import type { HsdView } from '../decide/model';
import { ownerReference } from '../decide/template';
import { isAlreadyExists } from '../kube/errors';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import { type Applier, type Of, observeDeletion } from './applier';

type BudgetWrite = Of<'createBudget'> | Of<'setBudget'> | Of<'deleteBudget'>;

export async function writeBudget({ client, world, warn }: Applier, hsd: HsdView, write: BudgetWrite): Promise<void> {
  const { namespace } = hsd;
  if (write.kind === 'createBudget') {
    const body = manifest(hsd, write.minAvailable);
    try {
      world.budgets.observe(
        namespace,
        await client.create<KubeObject>(paths.podDisruptionBudgets.list(namespace), body),
      );
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      // Everything else still has to be done: a missing budget only leaves evictions unguarded.
      warn('BudgetConflict', `PodDisruptionBudget ${write.name} exists and is not ours: busy Pods can be evicted`);
    }
    return;
  }
  const { uid, name, resourceVersion } = write.budget;
  const path = paths.podDisruptionBudgets.one(namespace, name);
  if (write.kind === 'deleteBudget') {
    return observeDeletion(world.budgets, namespace, () => client.delete<KubeObject>(path, { uid, resourceVersion }));
  }
  const body = { metadata: { uid, ...drainMark(hsd) }, spec: { minAvailable: write.minAvailable } };
  world.budgets.observe(namespace, await client.mergePatch<KubeObject>(path, body));
}

function manifest(hsd: HsdView, minAvailable: number): Record<string, unknown> {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: {
      name: budgetName(hsd.name),
      labels: { [NAME_LABEL]: hsd.name },
      ...drainMark(hsd),
      ownerReferences: [ownerReference(hsd)],
    },
    spec: {
      minAvailable,
      selector: { matchLabels: { [NAME_LABEL]: hsd.name, [STATE_LABEL]: 'busy' } },
      // AlwaysAllow would let a busy Pod go that dropped its readiness.
      unhealthyPodEvictionPolicy: 'IfHealthyBudget',
    },
  };
}

/** A foreground deletion of the hsd would take the budget away while its last sessions still run. */
function drainMark({ spec }: HsdView): { annotations?: Record<string, string> } {
  return spec.sessions?.onDelete === 'Drain' ? { annotations: { [DRAIN_ANNOTATION]: 'true' } } : {};
}
