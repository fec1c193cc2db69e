import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CertificateAuthority } from '../../operator/serve/pki';
import { PERMISSIONS } from '../../src/api/permissions';
import { startCluster } from '../../tools/cluster';
import { serviceAccountKubeconfig, writeTokenKubeconfig } from './support/kubeconfig';
import { kubectl } from './support/kubectl';
import { OperatorProcess } from './support/operator';
import { runInfo } from './support/run-info';
import { Scene } from './support/scene';

jest.setTimeout(60_000);

const HEALTH = ['--health-address', '127.0.0.1:0'];

/** What a start that fails leaves: its exit code, its log, and the lines meant for a person. */
async function failedStart(
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ code: number | null; said: string[] }> {
  const operator = OperatorProcess.spawn({ args, env });
  const { code } = await operator.exit;
  return { code, said: operator.lines.filter((line) => !line.startsWith('{')) };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('a start that cannot succeed says why in one line', () => {
  const file = (name: string): string => join(runInfo().dir, name);
  const kubeconfig = (name: string, parts: { server?: string; ca?: string; token?: string } = {}): string =>
    writeTokenKubeconfig(
      file(`${name}.kubeconfig`),
      { token: 'nonsense', namespace: 'default', ...parts },
      runInfo().connection,
    );

  it.each<[string, string[], RegExp]>([
    ['an unknown flag', ['--kubconfig', 'x'], /unknown option '--kubconfig'.*--kubeconfig.*--help/],
    ['a word too many', ['games'], /too many arguments.*--help/],
    ['two scopes', ['--namespace', 'a', '--all-namespaces'], /--namespace and --all-namespaces contradict each other/],
    ['a flag without its value', ['--context'], /'--context <name>' argument missing/],
    ['a bad namespace', ['--namespace', 'Games'], /--namespace "Games" is not a namespace name: lower-case letters/],
    ['a bad address', ['--health-address', '8080'], /--health-address "8080" is not HOST:PORT: write for example/],
    ['a bad port', ['--health-address', ':65536'], /--health-address ":65536" is not HOST:PORT/],
    ['a bad level', ['--log-level', 'loud'], /--log-level "loud" is not a level: write one of debug, info/],
    ['no such kubeconfig', ['--kubeconfig', '/none/such'], /^error: kubeconfig \/none\/such does not exist$/],
  ])('%s', async (_title, args, says) => {
    const { code, said } = await failedStart(args);
    expect(said).toEqual([expect.stringMatching(says)]);
    expect(code).toBe(2);
  });

  it('a bad environment variable', async () => {
    const { code, said } = await failedStart([], { HOTSTANDBY_LEADER_ELECT: 'perhaps' });
    expect(said).toEqual([expect.stringMatching(/HOTSTANDBY_LEADER_ELECT="perhaps" is not a boolean: write true or/)]);
    expect(code).toBe(2);
  });

  it('an unknown context, with those there are', async () => {
    const { code, said } = await failedStart(['--kubeconfig', runInfo().admin, '--context', 'staging']);
    expect(said).toEqual([expect.stringMatching(/kubeconfig .* has no context "staging": it has "e2e"$/)]);
    expect(code).toBe(2);
  });

  it('a server that nobody listens at', async () => {
    const { code, said } = await failedStart(['--kubeconfig', kubeconfig('gone', { server: 'https://127.0.0.1:1' })]);
    expect(said).toEqual([
      expect.stringMatching(/cannot use the API server https:\/\/127.0.0.1:1: nothing listens there/),
    ]);
    expect(code).toBe(3);
  });

  it('a server that is no API server', async () => {
    const server = createServer((_request, response) => response.end('<html>hello</html>'));
    const port = await listening(server);
    const { code, said } = await failedStart([
      '--kubeconfig',
      kubeconfig('web', { server: `http://127.0.0.1:${port}` }),
    ]);
    await new Promise((resolve) => server.close(resolve));
    expect(said).toEqual([
      expect.stringMatching(/what answers there is not a Kubernetes API server: check the server/),
    ]);
    expect(code).toBe(3);
  });

  it("a certificate of somebody else's authority", async () => {
    const ca = new CertificateAuthority('somebody-else').cert;
    const { code, said } = await failedStart(['--kubeconfig', kubeconfig('stranger', { ca })]);
    expect(said).toEqual([expect.stringMatching(/its certificate is not trusted: check certificate-authority-data/)]);
    expect(code).toBe(3);
  });

  it('a token that is not accepted', async () => {
    const { code, said } = await failedStart(['--kubeconfig', kubeconfig('nonsense')]);
    expect(said).toEqual([expect.stringMatching(/it does not accept the credentials: log in again, or check users/)]);
    expect(code).toBe(3);
  });

  it('a health port in use', async () => {
    const server = createServer();
    const port = await listening(server);
    const address = `127.0.0.1:${port}`;
    const { code, said } = await failedStart(['--kubeconfig', runInfo().admin, '--health-address', address]);
    await new Promise((resolve) => server.close(resolve));
    const says = `error: cannot serve health and metrics on ${address}: the port is in use; choose another one with`;
    expect(said).toEqual([expect.stringContaining(says)]);
    expect(code).toBe(1);
  });

  it('a cluster without the CRD', async () => {
    const cluster = await startCluster({ nodes: { kind: 'kwok', count: 1 }, name: 'bare' });
    try {
      const { code, said } = await failedStart(['--kubeconfig', cluster.kubeconfig]);
      expect(said).toEqual([
        expect.stringMatching(
          /the CRD hotstandbydeployments\.apps\.paia\.tech with .*v1alpha1 is not installed on https:\S+: kubectl apply --server-side -f synth\/v[\d.]+\/crds\.yaml$/,
        ),
      ]);
      expect(code).toBe(4);
    } finally {
      await cluster.stop();
    }
  });
});

describe('a start without all permissions names every one that is missing', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open('rights');
  });
  afterAll(async () => {
    await scene?.close();
  });

  /** A ServiceAccount with the operator's permissions in its own namespace, without those `leaveOut` names. */
  async function account(name: string, leaveOut: (resource: string, verb: string) => boolean): Promise<string> {
    const rules = PERMISSIONS.flatMap(({ apiGroup, resources, verbs }) =>
      resources.map((resource) => ({
        apiGroups: [apiGroup],
        resources: [resource],
        verbs: verbs.filter((verb) => !leaveOut(resource, verb)),
      })),
    ).filter(({ verbs }) => verbs.length > 0);
    const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name } };
    const subjects = [{ kind: 'ServiceAccount', name, namespace: scene.namespace }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
    const items = [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } },
      { ...rbac, kind: 'Role', rules },
      { ...rbac, kind: 'RoleBinding', subjects, roleRef },
    ];
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await kubectl(['apply', '-n', scene.namespace, '-f', '-'], { input: list });
    return serviceAccountKubeconfig(scene.namespace, name);
  }

  it('starts with exactly the permissions of the table', async () => {
    const kubeconfig = await account('all', () => false);
    const operator = await OperatorProcess.start({ kubeconfig, namespace: scene.namespace });
    expect(await operator.stop()).toBe(0);
  });

  it('one verb of two resources, in the one namespace', async () => {
    const kubeconfig = await account(
      'some',
      (resource, verb) => verb === 'patch' && ['pods', 'deployments/scale'].includes(resource),
    );
    const { code, said } = await failedStart(['--kubeconfig', kubeconfig, '--namespace', scene.namespace, ...HEALTH]);
    expect(said).toEqual([
      expect.stringMatching(
        new RegExp(
          `^error: missing permissions: patch deployments\\.apps/scale, patch pods in namespace ${scene.namespace}\\. Grant them .*install\\.yaml`,
        ),
      ),
    ]);
    expect(code).toBe(5);
  });

  it('the Lease, only when there is an election', async () => {
    const kubeconfig = await account('no-lease', (resource) => resource === 'leases');
    const scope = ['--kubeconfig', kubeconfig, '--namespace', scene.namespace, ...HEALTH];
    const { code, said } = await failedStart([...scope, '--leader-elect']);
    expect(said).toEqual([
      expect.stringMatching(
        `missing permissions: create/get/update/patch leases.coordination.k8s.io in namespace ${scene.namespace}.`,
      ),
    ]);
    expect(code).toBe(5);
    const alone = OperatorProcess.spawn({ args: [...scope, '--no-leader-elect'] });
    await alone.whenReady();
    expect(await alone.stop()).toBe(0);
  });

  it('everything, when a namespaced account is to look after all namespaces', async () => {
    const kubeconfig = await account('narrow', () => false);
    const { code, said } = await failedStart(['--kubeconfig', kubeconfig, '--all-namespaces', ...HEALTH]);
    expect(said).toHaveLength(1);
    for (const { apiGroup, resources, verbs } of PERMISSIONS.filter(({ scope }) => scope === 'watched')) {
      for (const path of resources) {
        const [resource = '', subresource] = path.split('/');
        const full = [apiGroup === '' ? resource : `${resource}.${apiGroup}`, ...(subresource ? [subresource] : [])];
        expect(said[0]).toContain(`${verbs.join('/')} ${full.join('/')}`);
      }
    }
    expect(said[0]).toMatch(/ in all namespaces\. Grant them/);
    expect(code).toBe(5);
  });
});
