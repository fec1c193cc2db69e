import { Agent, request } from 'node:http';
import type { ClaimAnswer } from '../../../operator/serve/claims/answer';
import { runInfo } from './run-info';
import type { Scene } from './scene';

export interface Reply<T = ClaimAnswer> {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: T;
}

/** What errors are answered with. */
export interface StatusBody {
  kind: string;
  reason: string;
  message: string;
  details?: { retryAfterSeconds?: number; position?: number; etaSeconds?: number; causes?: { field: string }[] };
}

/** A caller of the claims service, on connections of its own. */
export class ClaimsClient {
  private readonly agent: Agent;

  constructor(
    private readonly address: () => string,
    private readonly pool: string,
    private readonly token: string | undefined,
    connections = 16,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  claim<T = ClaimAnswer>(body: unknown = {}, signal?: AbortSignal): Promise<Reply<T>> {
    return this.send<T>('POST', '', body, signal);
  }

  get<T = ClaimAnswer>(sessionId: string): Promise<Reply<T>> {
    return this.send<T>('GET', `/${sessionId}`);
  }

  list(): Promise<Reply<{ items: ClaimAnswer[] }>> {
    return this.send('GET', '');
  }

  renew<T = ClaimAnswer>(sessionId: string, ttlSeconds: number): Promise<Reply<T>> {
    return this.send<T>('PUT', `/${sessionId}`, { ttlSeconds });
  }

  release(sessionId: string): Promise<Reply<undefined>> {
    return this.send<undefined>('DELETE', `/${sessionId}`);
  }

  close(): void {
    this.agent.destroy();
  }

  /** @param body sent as JSON; a string as it is */
  send<T>(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
    headers: Record<string, string> = {},
  ): Promise<Reply<T>> {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const url = `http://${this.address()}${this.pool}${path}`;
    const all = {
      ...(this.token !== undefined && { authorization: `Bearer ${this.token}` }),
      ...(text !== undefined && {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(text)),
      }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const sent = request(url, { agent: this.agent, method, headers: all, signal }, (answer) => {
        let received = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          received += chunk;
        });
        answer.on('error', reject);
        answer.on('end', () => {
          const { statusCode: status = 0 } = answer;
          resolve({ status, headers: answer.headers, body: (received ? JSON.parse(received) : undefined) as T });
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }
}

/** The path of an hsd's claims. */
export function poolPath(namespace: string, hsd: string): string {
  return `/v1/namespaces/${namespace}/pools/${hsd}/claims`;
}

/** A ServiceAccount of the scene's namespace; with `role` bound to that ClusterRole there. Resolves with a token of it. */
export async function callerToken(scene: Scene, name: string, role?: string, audiences?: string[]): Promise<string> {
  const base = `/api/v1/namespaces/${scene.namespace}/serviceaccounts`;
  await scene.api.create(base, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } });
  if (role !== undefined) await bindRole(scene, name, role);
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences } };
  const { status } = await scene.api.create<{ status: { token: string } }>(`${base}/${name}/token`, body);
  return status.token;
}

export async function bindRole(scene: Scene, account: string, role: string): Promise<void> {
  const { namespace } = scene;
  await scene.api.create(`/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: `${account}-${role}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
  });
}

/** What door A needs beside the operator's own roles: it may ask the API server who somebody is and what they may do. */
export async function allowReviews(scene: Scene): Promise<void> {
  const { namespace } = scene;
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const subjects = [{ kind: 'ServiceAccount', name: 'hotstandby-operator', namespace: 'hotstandby-system' }];
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const apiGroup = 'rbac.authorization.k8s.io';
  await scene.api.create(`${rbac}/clusterrolebindings`, {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: { name: `reviews-${namespace}` },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'system:auth-delegator' },
    subjects,
  });
  await scene.api.create(`${rbac}/namespaces/${namespace}/roles`, {
    apiVersion,
    kind: 'Role',
    metadata: { name: 'reviews' },
    rules: [{ apiGroups: ['authorization.k8s.io'], resources: ['localsubjectaccessreviews'], verbs: ['create'] }],
  });
  await scene.api.create(`${rbac}/namespaces/${namespace}/rolebindings`, {
    apiVersion,
    kind: 'RoleBinding',
    metadata: { name: 'reviews' },
    roleRef: { apiGroup, kind: 'Role', name: 'reviews' },
    subjects,
  });
}

/** Flags of an operator that looks after `namespace` and serves claims on a port of its own. */
export function claimsFlags(namespace: string, kubeconfig = runInfo().operatorKubeconfig): string[] {
  return [
    ...['--kubeconfig', kubeconfig, '--namespace', namespace, '--admission-guard'],
    ...['--health-address', '127.0.0.1:0', '--claims-address', '127.0.0.1:0', '--claims-insecure-http'],
  ];
}

/** Where an operator serves claims, by its log. */
export function claimsAddress(output: string): string {
  const address = /"address":"([^"]+)","msg":"serving claims"/.exec(output)?.[1];
  if (address === undefined) throw new Error('the operator serves no claims yet');
  return address;
}
