import { join } from 'node:path';
import { metricValue } from '../base/metric-value';
import { OperatorProcess } from '../base/operator-process';
import { dockerfileConfig } from '../build/dockerfile';
import { locateBy, profileTable } from './cpu-profile';
import type { Log } from './rig';

export interface OperatorSettings {
  /** The bundled operator. */
  bundle: string;
  kubeconfig: string;
  /** Undefined: all of them. */
  namespaces?: readonly string[];
  /** Where to write a CPU profile at its end; a table of it goes to `log`. */
  profile?: { dir: string; name: string; log: Log };
}

/** What the operator says of itself at one moment. */
export interface OperatorFigures {
  rssMb: number;
  heapMb: number;
  /** Since its start. */
  cpuSeconds: number;
  /** Beyond the timer's own interval, since the figures before. */
  loopP99Ms: number;
  busyPodsLost: number;
}

/** prom-client's eventLoopMonitoringPrecision: Node counts the whole interval, the part meant to be waited included. */
const LOOP_RESOLUTION_MS = 10;
const TOP_FUNCTIONS = 25;

/** How the image starts its program. */
const IMAGE = dockerfileConfig({});
const NODE_FLAGS = (IMAGE.Entrypoint ?? []).slice(1, -1);
const ENVIRONMENT = Object.fromEntries((IMAGE.Env ?? []).map((entry) => entry.split('=', 2) as [string, string]));

/** The operator as the image runs it, as a process of its own; without leader election, whose Lease is no work of its. */
export class Operator {
  private constructor(
    private readonly process: OperatorProcess,
    private readonly settings: OperatorSettings,
  ) {}

  /** Starts one and waits until its caches are filled. */
  static async start(settings: OperatorSettings): Promise<Operator> {
    return new Operator(await spawnOperator(settings).whenReady(), settings);
  }

  /** Seconds from the start of the process: until its log says `starting`, and until the first decision. */
  static async coldStart(settings: OperatorSettings): Promise<{ starting: number; decided: number }> {
    const operator = spawnOperator(settings, 'debug');
    const after = async (text: string): Promise<number> => {
      await operator.line(text);
      return (performance.now() - operator.startedAt) / 1000;
    };
    const [starting, decided] = await Promise.all([after('"starting"'), after('"reconciled"')]);
    await operator.stop('SIGKILL');
    return { starting, decided };
  }

  async figures(): Promise<OperatorFigures> {
    const { text } = await this.process.ask('/metrics');
    const value = (name: string): number => {
      const found = metricValue(text, name);
      if (found === undefined) throw new Error(`the operator's /metrics has no ${name}`);
      return found;
    };
    return {
      rssMb: value('process_resident_memory_bytes') / 1e6,
      heapMb: value('nodejs_heap_size_used_bytes') / 1e6,
      cpuSeconds: value('process_cpu_seconds_total'),
      loopP99Ms: Math.max(0, value('nodejs_eventloop_lag_p99_seconds') * 1000 - LOOP_RESOLUTION_MS),
      busyPodsLost: value('hotstandby_busy_pods_lost_total'),
    };
  }

  async stop(): Promise<void> {
    await this.process.stop();
    const { profile, bundle } = this.settings;
    if (profile === undefined) return;
    profile.log(`CPU profile "${profile.name}", functions by self time:`);
    for (const line of profileTable(join(profile.dir, fileName(profile.name)), locateBy(bundle), TOP_FUNCTIONS)) {
      profile.log(line);
    }
  }
}

function spawnOperator({ bundle, kubeconfig, namespaces, profile }: OperatorSettings, level = 'info'): OperatorProcess {
  const scope = namespaces === undefined ? ['--all-namespaces'] : ['--namespace', ...namespaces];
  const profiling = profile && [
    '--cpu-prof',
    `--cpu-prof-dir=${profile.dir}`,
    `--cpu-prof-name=${fileName(profile.name)}`,
  ];
  const options = ['--admission-guard', '--no-leader-elect', '--health-address', '127.0.0.1:0', '--log-level', level];
  return new OperatorProcess({
    program: bundle,
    args: ['--kubeconfig', kubeconfig, ...scope, ...options],
    nodeFlags: [...NODE_FLAGS, ...(profiling ?? [])],
    env: ENVIRONMENT,
  });
}

function fileName(profile: string): string {
  return `${profile}.cpuprofile`;
}
