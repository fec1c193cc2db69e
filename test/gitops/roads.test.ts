import { dirname, join, resolve } from 'node:path';
import { paths } from '../../operator/kube/paths';
import { ROOT } from '../../root';
import { CRD_NAME } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { writeOperatorFiles } from '../../tools/build/operator-files';
import { type ManifestObject, releasedManifest } from '../../tools/cluster/install';
import { realNodesPreflight } from '../../tools/cluster/real/preflight';
import { isReady, type Pod, Scene } from '../e2e/support/scene';
import { testImages } from '../real/support/images';
import { applyExample } from '../real/support/manifests';
import { Sessions } from '../real/support/sessions';
import { ArgoCd } from './support/argocd';
import { Flux } from './support/flux';
import { Ground, note, seconds } from './support/ground';
import { manifestsIn } from './support/yaml';

jest.setTimeout(400_000);

const SYNTH = join(ROOT, 'synth');
const MANIFESTS = dirname(releasedManifest('install'));
const NAME = 'hotstandby';
/** Left by Argo CD and by Flux, as its annotations ask: every object of its kind would go with it. */
const DEFINITION = `customresourcedefinition.apiextensions.k8s.io/${CRD_NAME}`;

/** From the files in synth/ alone, on real nodes: the operator is the one in its Pods. */
describe('the roads into a cluster', () => {
  let ground: Ground | undefined;

  beforeAll(async () => {
    const preflight = await realNodesPreflight();
    if (!preflight.ok) {
      if (process.env.CI) throw new Error(`real nodes cannot run here: ${preflight.reason}`);
      return note(`skipped, real nodes cannot run here: ${preflight.reason}`);
    }
    ground = await Ground.open('roads', { kind: 'real', count: 2 });
    const nodes = ground.cluster.realNodes;
    if (!nodes) throw new Error('a cluster of kind real must have real nodes');
    const operator = join(ground.dir, 'operator');
    await writeOperatorFiles(operator);
    await nodes.loadImages(await testImages(nodes.images, operator));
    ground.git.copy(SYNTH, 'synth');
    await ground.git.push('Everything that is released');
  });
  afterAll(() => ground?.close());

  it('Argo CD installs an operator that keeps an hsd at its target, and takes it away again', async () => {
    if (!ground) return;
    const argocd = await ArgoCd.start(ground);
    const [application] = manifestsIn(resolve(SYNTH, 'argocd/application.yaml'));
    const { spec, metadata, ...rest } = application as ManifestObject & { spec: { source: object } };
    const source = { ...spec.source, repoURL: ground.git.url, targetRevision: 'main' };
    const finalizers = ['resources-finalizer.argocd.argoproj.io'];
    const start = performance.now();
    await argocd.create({ ...rest, metadata: { ...metadata, finalizers }, spec: { ...spec, source } });
    await argocd.reached(NAME, { sync: 'Synced', health: 'Healthy' });
    note(`Argo CD: synth/ synced, operator Pods Ready ${seconds(performance.now() - start)}`);
    await keepsAnHsd();
    await argocd.delete(NAME);
    await eventually(async () => expect(await argocd.isGone(NAME)).toBe(true));
    await onlyLeft([DEFINITION]);
    await argocd.close();
  });

  it('Flux installs an operator that keeps an hsd at its target, and takes it away again', async () => {
    if (!ground) return;
    const flux = await Flux.start(ground);
    const start = performance.now();
    await flux.publish(NAME);
    const objects = manifestsIn(resolve(SYNTH, 'flux/kustomization.yaml'));
    await flux.create(objects.find(({ kind }) => kind === 'Kustomization') ?? {});
    await flux.ready(NAME, { status: 'True' });
    note(`Flux: synth/ applied, operator Pods Ready ${seconds(performance.now() - start)}`);
    await keepsAnHsd();
    await flux.delete(NAME);
    await onlyLeft([DEFINITION]);
    await flux.close();
  });

  it.each([
    ['kubectl', ['-f', join(MANIFESTS, 'crds.yaml'), '-f', join(MANIFESTS, 'install.yaml')]],
    ['kustomize', ['-k', MANIFESTS]],
  ])('%s installs an operator that keeps an hsd at its target, and takes it away again', async (road, files) => {
    if (!ground) return;
    const { kubectl } = ground.cluster;
    const start = performance.now();
    await kubectl(['apply', '--server-side', ...files]);
    await kubectl(['rollout', 'status', 'deployment/hotstandby-operator', '-n', 'hotstandby-system', '--timeout=120s']);
    note(`${road}: synth/ applied, operator Pods Ready ${seconds(performance.now() - start)}`);
    await keepsAnHsd();
    await kubectl(['delete', '--ignore-not-found', ...files]);
    await onlyLeft([]);
  });

  /** A user's hsd on what was installed: filled, grown by a session, and gone with its namespace. */
  async function keepsAnHsd(): Promise<void> {
    const scene = await Scene.open('rooms');
    const sessions = new Sessions(scene);
    const operators = await scene.api.list<Pod>(paths.pods.list('hotstandby-system'), {
      labelSelector: `app.kubernetes.io/name=${NAME}`,
    });
    expect(operators.items.filter(isReady)).toHaveLength(2);
    await applyExample(scene, 'annotation', ['rbac', 'hsd']);
    const [pod] = await scene.settledAt(3);
    expect(await sessions.start(pod as Pod)).toMatchObject({ status: 201 });
    await scene.childAt('rooms', 4);
    await scene.settledAt(4);
    expect(await sessions.lost()).toEqual([]);
    await sessions.end(pod as Pod);
    await scene.settledAt(3);
    await scene.api.delete(paths.hsds.one(scene.namespace, 'rooms'));
    await scene.settledAt(0);
    await scene.close();
  }

  async function onlyLeft(expected: string[]): Promise<void> {
    const { kubectl } = (ground as Ground).cluster;
    const names = ['get', 'crd,namespace,clusterrole,validatingadmissionpolicy', '-o', 'name'];
    await eventually(async () => {
      const left = (await kubectl(names)).split('\n');
      expect(left.filter((name) => name.includes(NAME) || name.includes(CRD_NAME))).toEqual(expected);
    });
  }
});
