/** What every GitOps test stands on: a cluster, a Git repository, and the operator beside it. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { eventually, havePatience } from '../../../tools/base/eventually';
import { bundleOperator } from '../../../tools/build/bundle-operator';
import { type Cluster, type NodesOptions, startCluster } from '../../../tools/cluster';
import { Guardian, type Program, waitReady } from '../../../tools/cluster/guardian';
import { installObjects, type ManifestObject, writeOperatorKubeconfig } from '../../../tools/cluster/install';
import { OperatorProcess } from '../../e2e/support/operator';
import { type RunInfo, useRun } from '../../e2e/support/run-info';
import { GitRepository } from './git';

const RUN_ENV = 'HOTSTANDBY_GITOPS_RUN';
const SERVICE_ACCOUNT = '/api/v1/namespaces/hotstandby-system/serviceaccounts/hotstandby-operator';
/** GitOps controllers look again after seconds, on a machine that other tests keep busy. */
const PATIENCE_MS = 120_000;

/** Prints a measured figure, or what a person waits for. */
export function note(line: string): void {
  process.stderr.write(`[gitops] ${line}\n`);
}

/** For people, e.g. `1.3 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** What of an expectation is said: `toMatchObject` takes undefined for a value of its own. */
export function given(wanted: Record<string, string | undefined>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
}

/** One program of a rig. */
export interface ProgramSpec {
  name: string;
  file: string;
  args: string[];
  env?: Record<string, string>;
  /** Whether it can be used. */
  ready: () => boolean | Promise<boolean>;
}

export class Ground {
  private readonly programs: Program[] = [];
  private operator?: OperatorProcess;
  private constructor(
    /** Everything of a test lies below it. Removed by `close`. */
    readonly dir: string,
    readonly cluster: Cluster,
    readonly git: GitRepository,
    private readonly guardian: Guardian,
  ) {}

  /** Starts a cluster and an empty repository. Leaves nothing behind when it throws. */
  static async open(name: string, nodes: NodesOptions = { kind: 'kwok', count: 2 }): Promise<Ground> {
    useRun(RUN_ENV);
    havePatience({ deadlineMs: PATIENCE_MS, pollMs: 50 });
    const dir = mkdtempSync(join(tmpdir(), `hotstandby-${name}-`));
    const guardian = new Guardian({ dir, remove: [dir] });
    let cluster: Cluster | undefined;
    try {
      mkdirSync(join(dir, 'logs'));
      cluster = await startCluster({ nodes, name, log: note });
      const operator = join(dir, 'operator.cjs');
      const [git] = await Promise.all([GitRepository.serve(join(dir, 'git')), bundleOperator(operator)]);
      const { kubeconfig: admin, connection } = cluster;
      const info: RunInfo = { admin, connection, operatorKubeconfig: '', operator, dir };
      writeFileSync(join(dir, 'run.json'), JSON.stringify(info));
      process.env[RUN_ENV] = join(dir, 'run.json');
      return new Ground(dir, cluster, git, guardian);
    } catch (error) {
      await cluster?.stop();
      await guardian.release();
      rmSync(dir, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * Waits until somebody has installed the operator's ServiceAccount and starts the operator under it. On kwok nodes
   * Pods run nothing, those of its Deployment included.
   */
  async startOperator(): Promise<OperatorProcess> {
    const account = ['get', '--raw', SERVICE_ACCOUNT];
    await eventually(() => this.cluster.kubectl(account));
    const kubeconfig = await writeOperatorKubeconfig(this.cluster, this.dir);
    this.operator = await OperatorProcess.start({ kubeconfig });
    return this.operator;
  }

  /** Applies the definitions in a folder and waits until they are served. */
  async define(folder: string): Promise<void> {
    const files = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
    await installObjects(
      this.cluster,
      files.map((text) => parse(text) as ManifestObject),
    );
  }

  async stopOperator(): Promise<void> {
    await this.operator?.stop();
    this.operator = undefined;
  }

  /** Starts a program that ends with this test, and waits until it is ready. */
  async run({ name, file, args, env, ready }: ProgramSpec): Promise<void> {
    const logFile = join(this.dir, 'logs', `${name}.log`);
    const command = { file, args: [], lifeline: false };
    const program = await this.guardian.run({ name, command, args, logFile, env });
    this.programs.push(program);
    await waitReady(program, async () => ready());
  }

  /** Ends everything and removes every file. */
  async close(): Promise<void> {
    await this.stopOperator();
    await Promise.all(this.programs.map((program) => program.stop(3_000)));
    await this.git.close();
    await this.cluster.stop();
    await this.guardian.release();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Whether something listens on a TCP port of loopback. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
