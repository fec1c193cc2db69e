import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePorts } from '../../../tools/cluster/ports';

/** Of Debian's and Ubuntu's package of that name; .ci/run installs it. */
export const hasPrometheus = spawnSync('prometheus', ['--version']).status === 0;

/** One series of an answer to a query. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** One rule, as Prometheus has evaluated it. */
export interface RuleState {
  readonly name: string;
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
}

/** A real Prometheus that reads a few targets every second. */
export class Prometheus {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    private readonly url: string,
  ) {}

  /** Starts one; it is ready when it answers. `labels` by target, `HOST:PORT`. */
  static async start(targets: Readonly<Record<string, Readonly<Record<string, string>>>>, rules: object) {
    const folder = mkdtempSync(join(tmpdir(), 'hotstandby-prometheus-'));
    const { port } = await freePorts(['port'], ['127.0.0.1']);
    const scrape = {
      job_name: 'hotstandby-metrics',
      honor_labels: true,
      static_configs: Object.entries(targets).map(([target, labels]) => ({ targets: [target], labels })),
    };
    writeFileSync(join(folder, 'rules.yaml'), stringify(rules));
    writeFileSync(
      join(folder, 'prometheus.yaml'),
      stringify({
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        rule_files: ['rules.yaml'],
        scrape_configs: [scrape],
      }),
    );
    const address = `127.0.0.1:${port}`;
    const flags = [`--config.file=${join(folder, 'prometheus.yaml')}`, `--storage.tsdb.path=${join(folder, 'data')}`];
    const child = spawn('prometheus', [...flags, `--web.listen-address=${address}`], { stdio: 'ignore' });
    return new Prometheus(child, folder, `http://${address}`);
  }

  /** What a query says now. Throws what Prometheus minds, or until it listens. */
  async query(expr: string): Promise<Sample[]> {
    const { result } = await this.get<{ result: Sample[] }>(`query?${new URLSearchParams({ query: expr })}`);
    return result;
  }

  async rules(): Promise<RuleState[]> {
    const { groups } = await this.get<{ groups: { rules: RuleState[] }[] }>('rules');
    return groups.flatMap((group) => group.rules);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('close', resolve));
    this.child.kill('SIGTERM');
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async get<T>(path: string): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1/${path}`);
    const { status, error, data } = (await answer.json()) as { status: string; error?: string; data: T };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  }
}
