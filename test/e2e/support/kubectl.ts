import { join } from 'node:path';
import * as tool from '../../../tools/cluster/kubectl';
import { runInfo } from './run-info';

export type { KubectlReply } from '../../../tools/cluster/kubectl';

export interface KubectlOptions {
  /** Default: the administrator's. */
  kubeconfig?: string;
  /** Standard input. */
  input?: string;
}

/** Runs kubectl on the run's cluster, whatever comes of it. */
export function tryKubectl(args: readonly string[], options: KubectlOptions = {}): Promise<tool.KubectlReply> {
  return tool.tryKubectl(args, environment(options), options.input);
}

/** Runs kubectl; resolves with its standard output, rejects with what it complained about. */
export function kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
  return tool.runKubectl(args, environment(options), options.input);
}

/** kubectl's discovery cache in ~/.kube would outlive the cluster, once per port. */
function environment({ kubeconfig }: KubectlOptions): tool.KubectlEnvironment {
  const { admin, dir } = runInfo();
  return { KUBECONFIG: kubeconfig ?? admin, KUBECACHEDIR: join(dir, 'kubectl-cache') };
}
