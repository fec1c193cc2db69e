import { readFileSync } from 'node:fs';
import type { Connection } from '../../../tools/cluster';

/** Environment variable that tells test processes where the run's facts are. */
export const RUN_ENV = 'HOTSTANDBY_E2E_RUN';

/** What every run has, on fake nodes or real ones. */
export interface ClusterRun {
  /** Kubeconfig of the cluster's administrator. */
  admin: string;
  /** What it says. */
  connection: Connection;
  /** Scratch folder, removed after the run. */
  dir: string;
}

export interface RunInfo extends ClusterRun {
  /** Kubeconfig with the token of the ServiceAccount that synth/ installs. */
  operatorKubeconfig: string;
  /** The bundled operator. */
  operator: string;
}

let variable = RUN_ENV;

/** Makes this test file use the run that another environment variable names: jest gives all its projects one environment. */
export function useRun(name: string): void {
  variable = name;
}

export function runInfo<T extends ClusterRun = RunInfo>(): T {
  const path = process.env[variable];
  if (path === undefined)
    throw new Error(
      `${variable} is not set: these tests run by jest's projects "e2e" and "real", which start a cluster`,
    );
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}
