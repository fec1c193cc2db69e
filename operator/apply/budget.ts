import { budgetName, NAME_LABEL, STATE_LABEL } from '../../src/api/names';
import type { HsdView } from '../decide/model';
import { ownerReference } from '../decide/template';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import { type Applier, type Of, observeDeletion } from './apply';

type BudgetWrite = Of<'createBudget'> | Of<'setBudget'> | Of<'deleteBudget'>;

/** @throws ApiError with 409 AlreadyExists when somebody else's budget has that name */
export async function writeBudget({ client, world }: Applier, hsd: HsdView, write: BudgetWrite): Promise<void> {
  const { namespace } = hsd;
  if (write.kind === 'createBudget') {
    const body = manifest(hsd, write.minAvailable);
    world.budgets.observe(namespace, await client.create<KubeObject>(paths.podDisruptionBudgets.list(namespace), body));
    return;
  }
  const { uid, name, resourceVersion } = write.budget;
  const path = paths.podDisruptionBudgets.one(namespace, name);
  if (write.kind === 'deleteBudget') {
    return observeDeletion(world.budgets, namespace, () => client.delete<KubeObject>(path, { uid, resourceVersion }));
  }
  const body = { metadata: { uid }, spec: { minAvailable: write.minAvailable } };
  world.budgets.observe(namespace, await client.mergePatch<KubeObject>(path, body));
}

function manifest(hsd: HsdView, minAvailable: number): Record<string, unknown> {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: {
      name: budgetName(hsd.name),
      labels: { [NAME_LABEL]: hsd.name },
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
