import { isNotFound } from '../../../operator/kube/errors';
import type { KubeObject } from '../../../operator/kube/types';
import type { Scene } from './scene';

interface Manifest {
  kind: string;
  metadata: { name: string };
}

/** A policy and its binding, as src/install makes them. */
export interface PolicyManifests {
  policy: Manifest;
  binding: Manifest;
}

const GROUP = '/apis/admissionregistration.k8s.io/v1';
const RESOURCES: Record<string, string> = {
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
  MutatingAdmissionPolicy: 'mutatingadmissionpolicies',
  MutatingAdmissionPolicyBinding: 'mutatingadmissionpolicybindings',
};

function collection({ kind }: Manifest): string {
  return `${GROUP}/${RESOURCES[kind]}`;
}

/** Installs a policy beside those of the run. It holds a moment later: ask with dry runs until it does. */
export async function addPolicy({ api }: Scene, { policy, binding }: PolicyManifests): Promise<void> {
  await api.create(collection(policy), policy);
  await api.create(collection(binding), binding);
}

export async function removePolicy({ api }: Scene, { policy, binding }: PolicyManifests): Promise<void> {
  for (const object of [binding, policy]) {
    await api.delete(`${collection(object)}/${object.metadata.name}`).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
}

interface Checked extends KubeObject {
  metadata: KubeObject['metadata'] & { generation: number };
  status?: { observedGeneration?: number; typeChecking?: { expressionWarnings?: { warning: string }[] } };
}

/** What the type checker of the controller manager says about a validating policy; undefined: it has not looked yet. */
export async function typeWarnings({ api }: Scene, name: string): Promise<string[] | undefined> {
  const { metadata, status } = await api.get<Checked>(`${GROUP}/${RESOURCES.ValidatingAdmissionPolicy}/${name}`);
  if (status?.observedGeneration !== metadata.generation) return undefined;
  return (status.typeChecking?.expressionWarnings ?? []).map(({ warning }) => warning);
}
