import { build } from './build';
import { note } from './ground';

/** Once before the tests: what they run is built here, one after the other, where the progress can be seen. */
export default async function setup(): Promise<void> {
  if (process.env.HOTSTANDBY_KUBECONFIG) {
    throw new Error('HOTSTANDBY_KUBECONFIG names another cluster, and these tests install Argo CD and Flux: unset it');
  }
  await build('argocd', note);
  await build('flux', note);
  await build('helm3', note);
  await build('kube-score', note);
}
