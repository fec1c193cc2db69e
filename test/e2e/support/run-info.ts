import { readFileSync } from 'node:fs';

/** Environment variable that tells test processes where the run's facts are. */
export const RUN_ENV = 'HOTSTANDBY_E2E_RUN';

export interface RunInfo {
  /** Kubeconfig of the cluster's administrator. */
  admin: string;
  /** Kubeconfig with the token of the ServiceAccount that synth/ installs. */
  operatorKubeconfig: string;
  /** The bundled operator. */
  operator: string;
  /** Scratch folder, removed after the run. */
  dir: string;
}

export function runInfo(): RunInfo {
  const path = process.env[RUN_ENV];
  if (path === undefined)
    throw new Error(`${RUN_ENV} is not set: e2e tests run by jest's project "e2e", which starts the cluster`);
  return JSON.parse(readFileSync(path, 'utf8')) as RunInfo;
}
