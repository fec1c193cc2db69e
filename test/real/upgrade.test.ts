/** The operator's own Deployment from the last release to this version and back, with real sessions on a real node. */
import { join } from 'node:path';
import { EXAMPLE_IMAGES, examplePath } from '../../examples/images';
import { PACKAGE_VERSION } from '../../src/version';
import { eventually } from '../../tools/base/eventually';
import { writeOperatorFiles } from '../../tools/build/operator-files';
import { operatorImage } from '../../tools/build/operator-image';
import { type Cluster, startCluster } from '../../tools/cluster';
import { releasedManifest } from '../../tools/cluster/install';
import { appImage, type Image, imageFromFiles } from '../../tools/cluster/real/index';
import { previousRelease, releasedOperator } from '../e2e/support/released-operator';
import { type Pod, Scene } from '../e2e/support/scene';
import { Sessions } from './support/sessions';
import { describeReal, note } from './support/suite';

jest.setTimeout(300_000);

const previous = previousRelease();

/** What an upgrade must leave alone: the very containers. */
function containers(pods: readonly Pod[]): unknown[] {
  const lives = pods.map(({ metadata, status }) => {
    const statuses = (status?.containerStatuses ?? []) as { containerID?: string; restartCount?: number }[];
    return {
      uid: metadata.uid,
      containers: statuses.map(({ containerID, restartCount }) => [containerID, restartCount]),
    };
  });
  return lives.sort((a, b) => a.uid.localeCompare(b.uid));
}

describeReal(`the operator's Deployment, v${previous.version} -> v${PACKAGE_VERSION} -> v${previous.version}`, () => {
  let cluster: Cluster;
  let scene: Scene;
  let sessions: Sessions;
  let pods: Pod[];
  beforeAll(async () => {
    cluster = await startCluster({ nodes: { kind: 'real', count: 1 }, name: 'upgrade' });
    const nodes = cluster.realNodes;
    if (!nodes) throw new Error('a cluster of kind real must have real nodes');
    const { base: _node, ...rooms } = EXAMPLE_IMAGES.annotation;
    const today = await todaysImage();
    const app = appImage({ ...rooms, base: nodes.images.node });
    await nodes.loadImages(await Promise.all([app, today, releasedImage(today)]));
    await install(previous.version);
    scene = await Scene.open('upgrade', {}, cluster.connection);
    sessions = new Sessions(scene);
    const files = ['rbac', 'hsd'].flatMap((file) => ['-f', examplePath('annotation', `${file}.yaml`)]);
    await cluster.kubectl(['apply', '-n', scene.namespace, ...files]);
    const [first, second] = await scene.settledAt(3);
    for (const pod of [first, second]) expect(await sessions.start(pod as Pod)).toMatchObject({ status: 201 });
    pods = await scene.settledAt(5);
    await scene.status('rooms', { busyCount: 2, availableCount: 3 });
  });
  afterAll(async () => {
    await scene?.close();
    await cluster?.stop();
  });

  async function todaysImage(): Promise<Image> {
    const folder = join(cluster.dir, 'operator');
    await writeOperatorFiles(folder);
    return operatorImage(folder);
  }

  /** Today's image with the program of the release in it. */
  async function releasedImage(today: Image): Promise<Image> {
    const { version, program, origin } = await releasedOperator(previous, cluster.dir);
    note(`the old side of the upgrade is ${origin}`);
    const layer = [{ to: '/app/operator.cjs', from: program, mode: 0o644 }];
    const name = today.name.replace(PACKAGE_VERSION, version);
    return imageFromFiles({ name, base: today, layers: [layer], config: {} });
  }

  async function install(version: string): Promise<void> {
    for (const file of ['crds', 'install'] as const) {
      await cluster.kubectl(['apply', '--server-side', '-f', releasedManifest(file, version)]);
    }
    const deployment = ['deployment/hotstandby-operator', '-n', 'hotstandby-system'];
    await cluster.kubectl(['rollout', 'status', ...deployment, '--timeout=120s']);
  }

  async function operatorImages(): Promise<string[]> {
    const path = '{.items[*].spec.containers[*].image}';
    const images = await cluster.kubectl(['get', 'pods', '-n', 'hotstandby-system', '-o', `jsonpath=${path}`]);
    return [...new Set(images.trim().split(' '))];
  }

  it.each([PACKAGE_VERSION, previous.version])(
    'lets every container be, and every session go on, on the way to v%s',
    async (version) => {
      const before = containers(pods);
      await install(version);
      // The Pods of the other version take their leave for some seconds.
      await eventually(async () =>
        expect(await operatorImages()).toEqual([`ghcr.io/paia-tech/hotstandby:v${version}`]),
      );
      expect(await sessions.lost()).toEqual([]);
      expect(containers(await scene.pods())).toEqual(before);
    },
  );

  it('serves a new session afterwards', async () => {
    const [idle] = await scene.readyPods('hsd.paia.tech/state=idle');
    expect(await sessions.start(idle as Pod)).toMatchObject({ status: 201 });
    await scene.settledAt(6);
    await scene.status('rooms', { busyCount: 3, availableCount: 3 });
    expect(await sessions.lost()).toEqual([]);
  });
});
