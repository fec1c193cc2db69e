import { ApiClient } from '../../operator/kube/client';
import { CrdMissingError, needs, PermissionError, preflight, ServerUnreachableError } from '../../operator/preflight';
import { PERMISSIONS } from '../../src/api/permissions';
import { PACKAGE_VERSION } from '../../src/version';
import { HttpServer, type ReceivedRequest, sendJson, sendStatus } from './support/http-server';

interface Attributes {
  group: string;
  resource: string;
  subresource?: string;
  verb: string;
  namespace?: string;
  name?: string;
}

interface Cluster {
  version?: (response: Parameters<typeof sendJson>[0]) => void;
  resources?: string[] | number;
  versions?: string[];
  denies?: (attributes: Attributes) => boolean;
  reviewCode?: number;
}

const SERVED = ['hotstandbydeployments', 'hotstandbydeployments/status', 'hotstandbydeployments/scale'];
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const it of open.splice(0)) await it.close();
});

/** A real HTTP server that speaks the parts of the API the preflight uses, and the real client. */
async function cluster(behaviour: Cluster = {}) {
  const asked: Attributes[] = [];
  const review = (request: ReceivedRequest): boolean => {
    const { spec } = JSON.parse(request.body) as { spec: { resourceAttributes: Attributes } };
    asked.push(spec.resourceAttributes);
    return !behaviour.denies?.(spec.resourceAttributes);
  };
  const server = await HttpServer.start((request, response) => {
    const { resources = SERVED, versions } = behaviour;
    switch (`${request.method} ${request.path}`) {
      case 'GET /version':
        if (behaviour.version) return behaviour.version(response);
        return sendJson(response, 200, { gitVersion: 'v1.37.2' });
      case 'GET /apis/apps.paia.tech/v1alpha1':
        if (typeof resources === 'number') return sendStatus(response, resources, '', 'the server says no');
        return sendJson(response, 200, { resources: resources.map((name) => ({ name })) });
      case 'GET /apis/apps.paia.tech':
        if (!versions) return sendStatus(response, 404, 'NotFound', 'not found');
        return sendJson(response, 200, { versions: versions.map((groupVersion) => ({ groupVersion })) });
      case 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews':
        if (behaviour.reviewCode) return sendStatus(response, behaviour.reviewCode, '', 'no reviews');
        return sendJson(response, 201, { status: { allowed: review(request) } });
      default:
        return sendStatus(response, 404, 'NotFound', 'the server could not find the requested resource');
    }
  });
  const client = new ApiClient({ server: server.url, tls: {} }, { userAgent: 'test' });
  open.push(client, { close: () => server.stop() });
  return { client, asked, url: server.url };
}

const ALL = { namespaces: [], lease: { namespace: 'ops', name: 'games-operator' } };

async function failure(
  client: ApiClient,
  options: Parameters<typeof preflight>[1] = ALL,
): Promise<Error & { exitCode?: number }> {
  return preflight(client, options).then(
    () => {
      throw new Error('it passed');
    },
    (error: Error) => error,
  );
}

describe('preflight', () => {
  it('passes and says which version answers when all is there', async () => {
    const { client } = await cluster();
    expect(await preflight(client, ALL)).toEqual({ serverVersion: 'v1.37.2', mayWatchNodes: true });
  });

  it('asks for exactly the permissions of the table, in all namespaces, the Lease only in its own', async () => {
    const { client, asked } = await cluster();
    await preflight(client, ALL);
    const want = PERMISSIONS.flatMap(({ apiGroup, resources, verbs, scope, isOwnAlone }) =>
      resources.flatMap((path) => {
        const [resource, subresource] = path.split('/');
        const namespace = scope === 'lease' ? 'ops' : undefined;
        const name = isOwnAlone ? 'games-operator' : undefined;
        return verbs.map((verb) => JSON.stringify([apiGroup, resource, subresource, verb, namespace, name]));
      }),
    );
    const got = asked.map(({ group, resource, subresource, verb, namespace, name }) =>
      JSON.stringify([group, resource, subresource, verb, namespace, name]),
    );
    expect(got.sort()).toEqual(want.sort());
  });

  it('asks in each namespace it was given, and for no Lease without leader election', () => {
    const asked = needs({ namespaces: ['a', 'b'] });
    const pods = asked.filter(({ resource, verb }) => resource === 'pods' && verb === 'watch');
    expect(pods.map(({ namespace }) => namespace)).toEqual(['a', 'b']);
    expect(asked.filter(({ resource }) => resource === 'leases')).toEqual([]);
  });

  it('names every missing permission by verb, resource and scope in one line', async () => {
    const denies = ({ resource, subresource, verb }: Attributes): boolean =>
      (resource === 'pods' && ['patch', 'delete'].includes(verb)) ||
      subresource === 'scale' ||
      (resource === 'leases' && verb === 'create');
    const { client } = await cluster({ denies });
    const error = await failure(client);
    expect(error).toBeInstanceOf(PermissionError);
    expect(error.exitCode).toBe(5);
    expect(error.message).toBe(
      'missing permissions: patch deployments.apps/scale, patch/delete pods in all namespaces; ' +
        "create leases.coordination.k8s.io in namespace ops. Grant them to the operator's user: " +
        `synth/v${PACKAGE_VERSION}/install.yaml (for one namespace: namespaced-install.yaml) holds the roles`,
    );
  });

  it('tells namespaces apart in which a permission is missing', async () => {
    const { client } = await cluster({
      denies: ({ resource, verb, namespace }) => resource === 'pods' && verb === 'list' && namespace === 'b',
    });
    const error = await failure(client, { namespaces: ['a', 'b'] });
    expect(error.message).toContain('missing permissions: list pods in namespace b.');
  });

  it.each<[string, Cluster, string]>([
    ['not installed', { resources: 404 }, 'is not installed on URL: kubectl apply'],
    [
      'installed in another version',
      { resources: 404, versions: ['apps.paia.tech/v1'] },
      'is not installed on URL (it serves apps.paia.tech/v1): kubectl apply',
    ],
    [
      'another kind of that group',
      { resources: ['otherthings'] },
      'has no hotstandbydeployments in v1alpha1: kubectl apply',
    ],
    [
      'without the status subresource',
      { resources: ['hotstandbydeployments'] },
      'has no status subresource in v1alpha1: kubectl apply',
    ],
  ])('says how to install the CRD when it is %s', async (_name, behaviour, want) => {
    const { client, url } = await cluster(behaviour);
    const error = await failure(client);
    expect(error).toBeInstanceOf(CrdMissingError);
    expect(error.exitCode).toBe(4);
    expect(error.message).toContain('hotstandbydeployments.apps.paia.tech');
    expect(error.message).toContain(want.replace('URL', url));
    expect(error.message).toContain(`kubectl apply --server-side -f synth/v${PACKAGE_VERSION}/crds.yaml`);
  });

  it.each<[string, Cluster, string]>([
    [
      'does not know us',
      { version: (r) => sendStatus(r, 401, 'Unauthorized', 'Unauthorized') },
      'it does not accept the credentials: log in again, or check users[] of the kubeconfig (Unauthorized)',
    ],
    [
      'is starting',
      { version: (r) => sendStatus(r, 503, 'ServiceUnavailable', 'etcd is down') },
      'it is not ready: try again in a moment (etcd is down)',
    ],
    [
      'is no API server',
      { version: (r) => void r.end('<html>') },
      'what answers there is not a Kubernetes API server: check the server address (https, port)',
    ],
    [
      'is another JSON server',
      { version: (r) => sendJson(r, 200, { hello: 1 }) },
      'what answers there is not a Kubernetes API server',
    ],
    [
      'takes us for nobody',
      { version: (r) => sendStatus(r, 403, 'Forbidden', 'anonymous') },
      'it refuses what every authenticated user may do: log in, or check users[] of the kubeconfig (anonymous)',
    ],
    ['refuses reviews', { reviewCode: 500 }, 'it is not ready: try again in a moment (no reviews)'],
  ])('says what to do when the server %s', async (_name, behaviour, want) => {
    const { client, url } = await cluster(behaviour);
    const error = await failure(client);
    expect(error).toBeInstanceOf(ServerUnreachableError);
    expect(error.exitCode).toBe(3);
    expect(error.message).toContain(`cannot use the API server ${url}: ${want}`);
    expect(error.message).not.toContain('\n');
  });

  it('says that no API server answers where https meets plain http', async () => {
    const { url } = await cluster();
    const client = new ApiClient({ server: url.replace('http:', 'https:'), tls: {} }, { userAgent: 'test' });
    open.push(client);
    const { message } = await failure(client);
    expect(message).toMatch(
      /what answers there is not a Kubernetes API server: check the server address \(https, port\)/,
    );
    expect(message).not.toContain('\n');
  });

  it('says that nothing listens and asks for the right kubeconfig', async () => {
    // No port that was free a moment ago: somebody may have it by now.
    const server = 'https://127.0.0.1:1';
    const client = new ApiClient({ server, tls: {} }, { userAgent: 'test' });
    open.push(client);
    expect((await failure(client)).message).toBe(
      `cannot use the API server ${server}: nothing listens there: is the cluster running, and is this the right --kubeconfig and --context? (connect ECONNREFUSED 127.0.0.1:1)`,
    );
  });
});
