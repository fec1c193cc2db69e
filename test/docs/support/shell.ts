import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ROOT } from '../../../root';
import type { Cluster } from '../../../tools/cluster';
import { toolPath } from '../../../tools/cluster/tools';

/** A person's terminal on one cluster: an own folder with synth/ in it, kubectl, and variables that stay. It goes with the cluster. */
export class Shell {
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  private readonly variables: string;

  constructor(cluster: Cluster) {
    this.folder = join(cluster.dir, 'docs');
    this.variables = join(this.folder, '.variables');
    const bin = join(this.folder, '.bin');
    mkdirSync(bin, { recursive: true });
    symlinkSync(toolPath('kubectl'), join(bin, 'kubectl'));
    for (const name of ['synth', 'examples']) symlinkSync(join(ROOT, name), join(this.folder, name));
    writeFileSync(this.variables, '');
    this.env = {
      ...process.env,
      PATH: [bin, process.env.PATH].join(delimiter),
      KUBECONFIG: cluster.kubeconfig,
      KUBECACHEDIR: join(cluster.dir, 'kubectl-cache'),
    };
  }

  /** Writes a file a reader is asked to save. */
  save(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  /** Runs commands as bash would run them typed; resolves with standard output, rejects with all that was said. */
  run(commands: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const assigned = commands.match(/^[A-Z_]+(?==)/gm) ?? [];
    const keep = assigned.map((name) => `declare -p ${name} >>"$VARIABLES"`).join('\n');
    const script = `set -eu\n. "$VARIABLES"\n${commands}\n${keep}`;
    return output(
      spawn('bash', ['-c', script], {
        cwd: this.folder,
        env: { ...this.env, ...env, VARIABLES: this.variables },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
      commands,
    );
  }
}

function output(child: ChildProcess, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${what}\nended with ${code}:\n${stderr}${stdout}`));
    });
  });
}

/** `npm run operator`, as the documentation gives it. */
export class NpmOperator {
  readonly ready: Promise<void>;
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;
  private said = '';

  constructor(command: string, env: NodeJS.ProcessEnv) {
    const own = { ...env, HOTSTANDBY_HEALTH_ADDRESS: '127.0.0.1:0' };
    // A process group of its own: npm and tsx stand between us and the operator.
    this.child = spawn('bash', ['-c', command], {
      cwd: ROOT,
      env: own,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
    this.ready = new Promise((resolve, reject) => {
      const onData = (chunk: Buffer): void => {
        this.said += chunk.toString();
        if (this.said.includes('"msg":"ready"')) resolve();
      };
      this.child.stdout?.on('data', onData);
      this.child.stderr?.on('data', onData);
      void this.ended.then((code) => reject(new Error(`${command} ended with ${code}:\n${this.said}`)));
    });
  }

  /** As Ctrl-C in a terminal does it: to the whole group. */
  async stop(): Promise<void> {
    if (this.child.pid !== undefined && this.child.exitCode === null) process.kill(-this.child.pid, 'SIGINT');
    await this.ended;
  }
}
