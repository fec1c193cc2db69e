import { spawn } from 'node:child_process';
import { toolPath } from './tools';

/** What kubectl answered. */
export interface KubectlReply {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Added to this process's environment: `KUBECONFIG`, and `KUBECACHEDIR` where the cluster does not outlive the call. */
export type KubectlEnvironment = Readonly<Record<string, string>>;

/** Runs kubectl, whatever comes of it. Rejects only when it cannot be started. */
export function tryKubectl(args: readonly string[], extra: KubectlEnvironment, input = ''): Promise<KubectlReply> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...extra };
    const child = spawn(toolPath('kubectl'), args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const reply: KubectlReply = { code: null, stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        reply[name] += chunk;
      });
    }
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...reply, code }));
  });
}

/** Runs kubectl; resolves with its standard output, rejects with what it complained about. */
export async function runKubectl(args: readonly string[], extra: KubectlEnvironment, input = ''): Promise<string> {
  const { code, stdout, stderr } = await tryKubectl(args, extra, input);
  if (code === 0) return stdout;
  throw new Error(`kubectl ${args.join(' ')}: ${stderr.trim() || `exit code ${code}`}`);
}
