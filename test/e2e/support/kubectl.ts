import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { toolPath } from '../../cluster/tools';
import { runInfo } from './run-info';

export interface KubectlOptions {
  /** Default: the administrator's. */
  kubeconfig?: string;
  /** Standard input. */
  input?: string;
}

/** What kubectl answered. */
export interface KubectlReply {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs kubectl on the run's cluster, whatever comes of it. */
export function tryKubectl(args: readonly string[], options: KubectlOptions = {}): Promise<KubectlReply> {
  const { admin, dir } = runInfo();
  // kubectl's discovery cache in ~/.kube would outlive the cluster, once per port.
  const env = { ...process.env, KUBECONFIG: options.kubeconfig ?? admin, KUBECACHEDIR: join(dir, 'kubectl-cache') };
  return new Promise((resolve, reject) => {
    const child = spawn(toolPath('kubectl'), args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const reply: KubectlReply = { code: null, stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        reply[name] += chunk;
      });
    }
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...reply, code }));
  });
}

/** Runs kubectl; resolves with its standard output, rejects with what it complained about. */
export async function kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryKubectl(args, options);
  if (code === 0) return stdout;
  throw new Error(`kubectl ${args.join(' ')}: ${stderr.trim() || `exit code ${code}`}`);
}
