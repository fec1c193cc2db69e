/** One API server, for the few calls the cluster itself makes. */
import { ApiClient } from '../../operator/kube/client';
import { loadConnection } from '../../operator/kube/config';
import type { Connection as AnyConnection } from '../../operator/kube/connection';

/** Where an API server is, and a client certificate for it. */
export interface Connection extends AnyConnection {
  /** PEM texts. */
  tls: { ca: string; cert: string; key: string };
}

/** A stuck API server must not hang the caller's deadline loop. */
const REQUEST_TIMEOUT_MS = 10_000;

/** Close it after use. */
export function apiClient(connection: AnyConnection): ApiClient {
  const timeouts = { timeoutMs: REQUEST_TIMEOUT_MS, writeTimeoutMs: REQUEST_TIMEOUT_MS };
  return new ApiClient(connection, { userAgent: 'hotstandby-cluster', ...timeouts });
}

/** Whether GET `path` answers right now; an unreachable server is a plain no. */
export async function answers(client: ApiClient, path: string): Promise<boolean> {
  return client.text(path).then(
    () => true,
    () => false,
  );
}

/** What of a Node says whether Pods can run on it. */
export interface NodeObject {
  spec: { taints?: unknown[] };
  status: { conditions?: { type: string; status: string }[] };
}

export function isNodeReady({ status }: NodeObject): boolean {
  return status.conditions?.some((it) => it.type === 'Ready' && it.status === 'True') ?? false;
}

/** The current context of a kubeconfig, if it authenticates by client certificate; throws one line otherwise. */
export async function readConnection(kubeconfig: string): Promise<Connection> {
  const { server, tls } = await loadConnection({ kubeconfig });
  const { ca, cert, key } = tls;
  if (ca === undefined || cert === undefined || key === undefined) {
    throw new Error(
      `${kubeconfig}: the tests need a user with a client certificate, as kind and kubeadm make, and a certificate authority`,
    );
  }
  return { server, tls: { ca: `${ca}`, cert: `${cert}`, key: `${key}` } };
}
