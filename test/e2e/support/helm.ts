import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../../root';
import { toolPath } from '../../../tools/cluster/tools';

/** The chart as it is committed. */
export const CHART = join(ROOT, 'synth/helm/hotstandby');
const TIMEOUT = '120s';

export interface HelmReply {
  code: number | null;
  output: string;
}

/** helm on one cluster, its own files in `dir`. */
export class Helm {
  constructor(
    private readonly kubeconfig: string,
    private readonly dir: string,
  ) {}

  /** Runs helm, whatever comes of it; `values` come as `--values`. */
  try(args: readonly string[], values?: object): Promise<HelmReply> {
    const flags = values === undefined ? [] : ['--values', '-'];
    const homes = Object.fromEntries(
      ['CACHE', 'CONFIG', 'DATA'].map((kind) => [`HELM_${kind}_HOME`, join(this.dir, 'helm', kind.toLowerCase())]),
    );
    return new Promise((resolve, reject) => {
      const child = spawn(toolPath('helm'), [...args, ...flags], {
        env: { ...process.env, ...homes, KUBECONFIG: this.kubeconfig },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          output += chunk;
        });
      }
      child.stdin.on('error', () => undefined);
      child.stdin.end(values === undefined ? '' : JSON.stringify(values));
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, output }));
    });
  }

  /** Runs helm; what it printed. Rejects with what it complained about. */
  async run(args: readonly string[], values?: object): Promise<string> {
    const { code, output } = await this.try(args, values);
    if (code === 0) return output;
    throw new Error(`helm ${args.join(' ')}: ${output.trim() || `exit code ${code}`}`);
  }

  /** `helm install` or `helm upgrade` of the chart, and waits until it runs. */
  apply(command: 'install' | 'upgrade', release: string, namespace: string, values: object): Promise<string> {
    const flags = ['--namespace', namespace, '--wait', '--timeout', TIMEOUT];
    const create = command === 'install' ? ['--create-namespace'] : [];
    return this.run([command, release, CHART, ...flags, ...create], values);
  }
}
