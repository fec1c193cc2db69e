import { DRAIN_ANNOTATION, NAME_LABEL } from '../../src/api/names';
import { budgetSpec } from '../decide/budget';
import type { HsdView } from '../decide/model';
import { drains, ownerReference } from '../decide/template';
import { isAlreadyExists } from '../kube/errors';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import { type Applier, type Of, observeDeletion } from './applier';

type BudgetWrite = Of<'createBudget'> | Of<'repairBudget'> | Of<'markBudget'> | Of<'deleteBudget'>;

export async function writeBudget({ client, world, warn }: Applier, hsd: HsdView, write: BudgetWrite): Promise<void> {
  const { namespace } = hsd;
  if (write.kind === 'createBudget') {
    try {
      const path = paths.podDisruptionBudgets.list(namespace);
      world.budgets.observe(namespace, await client.create<KubeObject>(path, manifest(hsd, write.name)));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      // Everything else still has to be done: a missing budget only leaves evictions unguarded.
      warn('BudgetConflict', `PodDisruptionBudget ${write.name} exists and is not ours: busy Pods can be evicted`);
    }
    return;
  }
  // No resourceVersion: the disruption controller writes the status with every session.
  const { uid, name } = write.budget;
  const path = paths.podDisruptionBudgets.one(namespace, name);
  if (write.kind === 'deleteBudget') {
    return observeDeletion(world.budgets, namespace, () => client.delete<KubeObject>(path, { uid }));
  }
  const reply = await (write.kind === 'markBudget'
    ? client.mergePatch<KubeObject>(path, { metadata: { uid, annotations: { [DRAIN_ANNOTATION]: write.value } } })
    : // Whole: a merge patch would keep what somebody added to the selector.
      client.jsonPatch<KubeObject>(path, [
        { op: 'test', path: '/metadata/uid', value: uid },
        { op: 'replace', path: '/spec', value: budgetSpec(hsd) },
      ]));
  world.budgets.observe(namespace, reply);
}

function manifest(hsd: HsdView, name: string): Record<string, unknown> {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: {
      name,
      labels: { [NAME_LABEL]: hsd.name },
      ...(drains(hsd) && { annotations: { [DRAIN_ANNOTATION]: 'true' } }),
      ownerReferences: [ownerReference(hsd)],
    },
    spec: budgetSpec(hsd),
  };
}
