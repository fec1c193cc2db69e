/** The road of those who install with kustomize, from the files in synth/ alone. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import { PACKAGE_VERSION } from '../../src/version';
import { type Cluster, startCluster } from '../../tools/cluster';
import {
  type ManifestObject,
  manifestObjects,
  releasedManifest,
  writeOperatorKubeconfig,
} from '../../tools/cluster/install';
import { serviceAccountKubeconfig } from './support/kubeconfig';
import { kubectl } from './support/kubectl';
import { OPERATOR_ACCOUNT } from './support/namespaced';
import { OperatorProcess } from './support/operator';
import { type Pod, Scene } from './support/scene';

jest.setTimeout(120_000);

const BASE = dirname(releasedManifest('install'));
const TAG = `v${PACKAGE_VERSION}`;
const DIGEST = `sha256:${'5'.repeat(64)}`;

type Install = KubeObject & { spec: { template: { spec: { containers: { image: string; args: string[] }[] } } } };

/** Starts the operator as the Deployment on the cluster says, but as a process here. */
async function startInstalled(scene: Scene, namespace: string, kubeconfig: string): Promise<OperatorProcess> {
  const deployment = await scene.api.get<Install>(paths.deployments.one(namespace, 'hotstandby-operator'));
  const [container] = deployment.spec.template.spec.containers;
  const args = (container?.args ?? []).map((arg) => arg.replace('$(POD_NAMESPACE)', namespace));
  const own = ['--kubeconfig', kubeconfig, '--health-address', '127.0.0.1:0'];
  return OperatorProcess.start({ args: [...args.filter((arg) => !arg.startsWith('--health-address')), ...own] });
}

/** At its target, and at it again with a session. */
async function keepsAtTarget(scene: Scene): Promise<void> {
  await scene.createHsd('rooms', { idleTarget: 2 });
  const [pod] = await scene.settledAt(2, 'app=rooms');
  await scene.setBusy(pod as Pod);
  await scene.settledAt(3, 'app=rooms');
  await scene.status('rooms', { busyCount: 1, availableCount: 2, desiredReplicas: 3 });
}

describe('kustomize', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotstandby-kustomize-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function overlay(name: string, content: object): string {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'kustomization.yaml'), stringify(content));
    return path;
  }
  async function built(path: string): Promise<ManifestObject[]> {
    const documents = parseAllDocuments(await kubectl(['kustomize', path]));
    return documents.map((document) => document.toJS() as ManifestObject);
  }
  const id = ({ kind, metadata }: ManifestObject): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
  const byId = (objects: ManifestObject[]): ManifestObject[] => objects.sort((a, b) => id(a).localeCompare(id(b)));

  it('builds from the folder exactly what install.yaml holds', async () => {
    expect(byId(await built(BASE))).toEqual(byId(manifestObjects('install')));
  });

  it('takes the folder of a tag in Git as its base, the image by digest, and patches', async () => {
    const repository = join(folder, 'repository');
    cpSync(BASE, join(repository, 'synth', TAG), { recursive: true });
    const git = (...args: string[]): void => void execFileSync('git', args, { cwd: repository, stdio: 'pipe' });
    git('init', '--quiet');
    git('add', '--all');
    git('-c', 'user.name=test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '--message', 'release');
    git('tag', TAG);
    const path = overlay('remote', {
      resources: [`file://${repository}//synth/${TAG}?ref=${TAG}`],
      images: [{ name: 'ghcr.io/paia-tech/hotstandby', newName: 'registry.example.com/hotstandby', digest: DIGEST }],
      patches: [{ target: { kind: 'Deployment' }, patch: '[{"op": "replace", "path": "/spec/replicas", "value": 3}]' }],
    });
    const expected = manifestObjects('install').map((object) => {
      const text = JSON.stringify(object)
        .replace(`ghcr.io/paia-tech/hotstandby:${TAG}`, `registry.example.com/hotstandby@${DIGEST}`)
        .replace('"replicas":2', '"replicas":3');
      return JSON.parse(object.kind === 'Deployment' ? text : JSON.stringify(object)) as ManifestObject;
    });
    expect(byId(await built(path))).toEqual(byId(expected));
  });

  describe('kubectl apply -k of the folder', () => {
    let cluster: Cluster;
    let scene: Scene;
    let operator: OperatorProcess | undefined;
    // An operator of all namespaces would meddle with the tests that run beside this one.
    beforeAll(async () => {
      cluster = await startCluster({ nodes: { kind: 'kwok' }, name: 'kustomize' });
      scene = await Scene.open('kustomize', {}, cluster.connection);
    });
    afterAll(async () => {
      await operator?.stop();
      await scene?.close();
      await cluster?.stop();
    });

    it('ends with a running operator that keeps an hsd at its target', async () => {
      await cluster.kubectl(['apply', '--server-side', '-k', BASE]);
      const kubeconfig = await writeOperatorKubeconfig(cluster, cluster.dir);
      operator = await startInstalled(scene, 'hotstandby-system', kubeconfig);
      await keepsAtTarget(scene);
      expect(operator.errors).toEqual([]);
    });
  });

  describe('an overlay for one namespace', () => {
    let server: Server;
    let scene: Scene;
    let operator: OperatorProcess | undefined;
    beforeAll(async () => {
      server = createServer((_, reply) => reply.end(readFileSync(releasedManifest('namespaced-install'))));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      scene = await Scene.open('team');
    });
    afterAll(async () => {
      await operator?.stop();
      await scene?.close();
      await new Promise((resolve) => server.close(resolve));
    });

    it('takes namespaced-install.yaml by its address, and ends with an operator that keeps an hsd at its target', async () => {
      const { port } = server.address() as AddressInfo;
      const path = overlay('team', {
        namespace: scene.namespace,
        resources: [`http://127.0.0.1:${port}/${TAG}/namespaced-install.yaml`],
      });
      await kubectl(['apply', '--server-side', '-k', path]);
      const kubeconfig = await serviceAccountKubeconfig(scene.namespace, OPERATOR_ACCOUNT);
      operator = await startInstalled(scene, scene.namespace, kubeconfig);
      await keepsAtTarget(scene);
      expect(operator.errors).toEqual([]);
    });
  });
});
