import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import type { ApiClient } from '../../operator/kube/client';

/** Where a run took place. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  node: string;
  kubernetes: string;
  /** `YYYY-MM-DD`, UTC. */
  date: string;
}

/** Processes that ran or waited for a core, on average over one minute: at the start, and the most seen. */
export interface LoadAverage {
  before: number;
  most: number;
}

export async function describeMachine(api: ApiClient): Promise<Machine> {
  const { gitVersion } = await api.get<{ gitVersion: string }>('/version');
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.version,
    kubernetes: gitVersion,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** Follows the load average from now on. */
export function watchLoad(periodMs = 10_000): { stop(): LoadAverage } {
  const now = (): number => loadavg()[0] ?? 0;
  const seen: LoadAverage = { before: now(), most: now() };
  const timer = setInterval(() => {
    seen.most = Math.max(seen.most, now());
  }, periodMs);
  timer.unref();
  return {
    stop: () => {
      clearInterval(timer);
      return { ...seen, most: Math.max(seen.most, now()) };
    },
  };
}
