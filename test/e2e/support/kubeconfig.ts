import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Connection } from '../../../tools/cluster';
import { kubectl } from './kubectl';
import { runInfo } from './run-info';

export interface KubeconfigParts {
  /** Default: the run's API server. */
  server?: string;
  /** Certificate authority, PEM. Default: the run's. */
  ca?: string;
  token: string;
  /** Namespace of the context. */
  namespace: string;
}

/** Writes a kubeconfig with one context, called `operator`, that authenticates by token. Returns `path`. */
export function writeTokenKubeconfig(
  path: string,
  { server, ca, token, namespace }: KubeconfigParts,
  connection: Connection,
): string {
  const authority = Buffer.from(ca ?? connection.tls.ca).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'c', cluster: { server: server ?? connection.server, 'certificate-authority-data': authority } },
    ],
    users: [{ name: 'operator', user: { token } }],
    contexts: [{ name: 'operator', context: { cluster: 'c', user: 'operator', namespace } }],
    'current-context': 'operator',
  };
  writeFileSync(path, stringify(config), { mode: 0o600 });
  return path;
}

/** A kubeconfig of an existing ServiceAccount, by a fresh token; `parts` replace what it would say. */
export async function serviceAccountKubeconfig(
  namespace: string,
  name: string,
  parts: Partial<KubeconfigParts> = {},
): Promise<string> {
  const token = (await kubectl(['create', 'token', name, '-n', namespace, '--duration=2h'])).trim();
  const path = join(runInfo().dir, `${namespace}-${name}-${performance.now()}.kubeconfig`);
  return writeTokenKubeconfig(path, { token, namespace, ...parts }, runInfo().connection);
}
