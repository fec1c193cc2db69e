import { releasedManifest } from '../../../tools/cluster/install';
import { serviceAccountKubeconfig } from './kubeconfig';
import { kubectl } from './kubectl';

/** ServiceAccount of the operator in every install. */
export const OPERATOR_ACCOUNT = 'hotstandby-operator';

/**
 * Applies synth's namespaced-install.yaml, exactly as it is, to one namespace. Its Deployment runs there on fake nodes,
 * so nothing but the operator processes of the test does anything.
 *
 * @returns a kubeconfig of the ServiceAccount that came with it
 */
export async function installNamespaced(namespace: string): Promise<string> {
  await kubectl(['apply', '--server-side', '-n', namespace, '-f', releasedManifest('namespaced-install')]);
  return serviceAccountKubeconfig(namespace, OPERATOR_ACCOUNT);
}
