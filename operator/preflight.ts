import { API_VERSION, CRD_NAME, GROUP, PLURAL, VERSION } from '../src/api/names';
import { PERMISSIONS, type Permission } from '../src/api/permissions';
import { PACKAGE_VERSION } from '../src/version';
import type { Api } from './kube/api';
import { ApiError, isNotFound, isRetryable, NetworkError, type NetworkErrorCode } from './kube/errors';
import { paths } from './kube/paths';

/** What the preflight needs of ApiClient. */
export interface PreflightClient extends Pick<Api, 'get' | 'create'> {
  readonly server: string;
}

export interface PreflightOptions {
  /** Namespaces the operator looks after; empty: all. */
  namespaces: readonly string[];
  /** The Lease; undefined: no leader election, so no permission needed. */
  lease?: { readonly namespace: string; readonly name: string };
}

export interface PreflightResult {
  /** For example `v1.37.2`. */
  serverVersion: string;
  /** Whether nodes may be watched (optional): without it cordons go unnoticed. */
  mayWatchNodes: boolean;
}

/** The operator cannot start. `message` is one line that says what is wrong and what to do. */
export class PreflightError extends Error {
  /** Process exit code: 3 the API server, 4 the CRD, 5 permissions. */
  readonly exitCode: 3 | 4 | 5;

  constructor(exitCode: 3 | 4 | 5, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.exitCode = exitCode;
  }
}

/** No API server answers, or it does not accept our credentials. */
export class ServerUnreachableError extends PreflightError {
  constructor(message: string, options?: ErrorOptions) {
    super(3, message, options);
  }
}

/** The API server does not serve HotStandbyDeployments of our version. */
export class CrdMissingError extends PreflightError {
  constructor(message: string) {
    super(4, message);
  }
}

/** Something the operator must be allowed to do. */
export interface Need {
  readonly apiGroup: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verb: string;
  /** undefined: all namespaces. */
  readonly namespace?: string;
  /** undefined: whatever it is called. */
  readonly name?: string;
}

/** Permissions are missing; `missing` lists all of them. */
export class PermissionError extends PreflightError {
  constructor(readonly missing: readonly Need[]) {
    super(5, permissionMessage(missing));
  }
}

/** Reviews under way at once: a list of 50 namespaces asks 1,600 questions. */
const CONCURRENCY = 16;

const REMEDIES: Readonly<Partial<Record<NetworkErrorCode, string>>> = {
  Refused: 'nothing listens there: is the cluster running, and is this the right --kubeconfig and --context?',
  NotFound: 'the host name is unknown: is this the right --kubeconfig and --context?',
  Unreachable: 'there is no route to it: check network and VPN',
  Certificate:
    "its certificate is not trusted: check certificate-authority-data in the kubeconfig, or the server's address",
  Timeout: 'it does not answer: check network, firewall and VPN',
  Malformed: 'what answers there is not a Kubernetes API server: check the server address (https, port)',
};

/**
 * Checks, before anything is started, that the API server answers, that the CRD is installed and that the operator may do
 * all it has to. Rejects with a PreflightError that says the first thing wrong, and all missing permissions at once.
 */
export async function preflight(client: PreflightClient, options: PreflightOptions): Promise<PreflightResult> {
  const serverVersion = await checkServer(client);
  await checkCrd(client);
  await checkPermissions(client, options);
  const nodes = needs(options, 'cluster').map((need) => isAllowed(client, need));
  return { serverVersion, mayWatchNodes: (await Promise.all(nodes)).every(Boolean) };
}

async function checkServer(client: PreflightClient): Promise<string> {
  try {
    const answer = await client.get<{ gitVersion?: unknown } | null>('/version');
    if (typeof answer?.gitVersion === 'string') return answer.gitVersion;
    throw new NetworkError('Malformed', 'its /version names no gitVersion');
  } catch (error) {
    throw unreachable(client.server, error);
  }
}

function unreachable(server: string, error: unknown): ServerUnreachableError {
  const what = error instanceof Error ? error.message : String(error);
  const why = what.startsWith(`${server}: `) ? what.slice(server.length + 2) : what;
  return new ServerUnreachableError(`cannot use the API server ${server}: ${remedy(error)} (${why})`, { cause: error });
}

function remedy(error: unknown): string {
  if (error instanceof ApiError && error.code === 401) {
    return 'it does not accept the credentials: log in again, or check users[] of the kubeconfig';
  }
  if (error instanceof ApiError && error.code === 403) {
    return 'it refuses what every authenticated user may do: log in, or check users[] of the kubeconfig';
  }
  if (isRetryable(error) && error instanceof ApiError) return 'it is not ready: try again in a moment';
  const known = error instanceof NetworkError ? REMEDIES[error.code] : undefined;
  return known ?? 'no useful answer: is this the address of a Kubernetes API server?';
}

async function checkCrd(client: PreflightClient): Promise<void> {
  const install = `kubectl apply --server-side -f synth/v${PACKAGE_VERSION}/crds.yaml`;
  try {
    const served = await client.get<{ resources?: { name: string }[] }>(paths.hsdDiscovery);
    const names = new Set(served.resources?.map(({ name }) => name));
    if (names.has(PLURAL) && names.has(`${PLURAL}/status`)) return;
    throw new CrdMissingError(
      `the CRD ${CRD_NAME} on ${client.server} has no ${names.has(PLURAL) ? 'status subresource' : PLURAL} in ${VERSION}: ${install}`,
    );
  } catch (error) {
    if (error instanceof PreflightError) throw error;
    if (!isNotFound(error)) throw unreachable(client.server, error);
  }
  const others = await otherVersions(client);
  const found = others.length > 0 ? ` (it serves ${others.join(', ')})` : '';
  throw new CrdMissingError(
    `the CRD ${CRD_NAME} with ${API_VERSION} is not installed on ${client.server}${found}: ${install}`,
  );
}

async function otherVersions(client: PreflightClient): Promise<string[]> {
  try {
    const group = await client.get<{ versions?: { groupVersion: string }[] }>(`/apis/${GROUP}`);
    return (group.versions ?? []).map(({ groupVersion }) => groupVersion);
  } catch {
    // Only makes a message more exact.
    return [];
  }
}

/** Every single thing to ask the API server about: what the operator cannot do without, or what is optional (`cluster`). */
export function needs(options: PreflightOptions, wanted: 'required' | 'cluster' = 'required'): Need[] {
  return PERMISSIONS.filter(({ scope }) => (scope === 'cluster') === (wanted === 'cluster')).flatMap((permission) =>
    scopesOf(permission, options).flatMap((namespace) =>
      permission.resources.flatMap((path) => {
        const [resource = '', subresource] = path.split('/');
        return permission.verbs.map((verb) => ({
          apiGroup: permission.apiGroup,
          resource,
          subresource,
          verb,
          namespace,
          name: permission.isOwnAlone ? options.lease?.name : undefined,
        }));
      }),
    ),
  );
}

function scopesOf({ scope }: Permission, { namespaces, lease }: PreflightOptions): (string | undefined)[] {
  if (scope === 'cluster') return [undefined];
  if (scope === 'lease') return lease === undefined ? [] : [lease.namespace];
  return namespaces.length > 0 ? [...namespaces] : [undefined];
}

async function checkPermissions(client: PreflightClient, options: PreflightOptions): Promise<void> {
  const all = needs(options);
  const allowed = new Array<boolean>(all.length);
  const todo = all.entries();
  const work = async (): Promise<void> => {
    for (const [index, need] of todo) allowed[index] = await isAllowed(client, need);
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  } catch (error) {
    throw unreachable(client.server, error);
  }
  const missing = all.filter((_, index) => !allowed[index]);
  if (missing.length > 0) throw new PermissionError(missing);
}

async function isAllowed(client: PreflightClient, need: Need): Promise<boolean> {
  const { apiGroup: group, resource, subresource, verb, namespace, name } = need;
  const review = await client.create<{ status?: { allowed?: boolean } }>(paths.selfSubjectAccessReviews, {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { group, resource, subresource, verb, namespace, name } },
  });
  return review.status?.allowed === true;
}

/** "get, list pods and patch deployments.apps/scale in all namespaces; create leases.coordination.k8s.io in namespace x". */
function permissionMessage(missing: readonly Need[]): string {
  const scopes = Map.groupBy(missing, ({ namespace }) => namespace);
  const parts = [...scopes].map(([namespace, inScope]) => {
    const resources = Map.groupBy(inScope, resourceName);
    const list = [...resources].map(([resource, of]) => `${of.map(({ verb }) => verb).join('/')} ${resource}`);
    return `${list.join(', ')} in ${namespace === undefined ? 'all namespaces' : `namespace ${namespace}`}`;
  });
  const roles = `synth/v${PACKAGE_VERSION}/install.yaml (for one namespace: namespaced-install.yaml)`;
  return `missing permissions: ${parts.join('; ')}. Grant them to the operator's user: ${roles} holds the roles`;
}

/** As kubectl auth can-i writes it: `deployments.apps/scale`. */
function resourceName({ apiGroup, resource, subresource }: Need): string {
  const full = apiGroup === '' ? resource : `${resource}.${apiGroup}`;
  return subresource === undefined ? full : `${full}/${subresource}`;
}
