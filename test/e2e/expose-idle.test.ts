import { App, Chart, Testing } from 'cdk8s';
import { paths } from '../../operator/kube/paths';
import { HotStandby } from '../../src';
import { STATE_LABEL } from '../../src/api/names';
import { eventually } from '../../tools/base/eventually';
import { toManifest } from '../../tools/cluster/install';
import { kubectl } from './support/kubectl';
import { OperatorProcess } from './support/operator';
import { isReady, type Pod, Scene } from './support/scene';

jest.setTimeout(120_000);

interface EndpointSlice {
  endpoints?: { targetRef?: { name: string }; conditions?: { ready?: boolean } }[];
  ports?: { port?: number; name?: string }[];
}

describe('exposeIdle()', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  beforeAll(async () => {
    scene = await Scene.open('idle');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
    await kubectl(['apply', '--server-side', '-f', '-'], { input: toManifest(rooms(scene.namespace)) });
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.close();
  });

  async function slices(): Promise<EndpointSlice[]> {
    const path = `/apis/discovery.k8s.io/v1/namespaces/${scene.namespace}/endpointslices`;
    return (
      (await scene.api.list<EndpointSlice>(path, { labelSelector: 'kubernetes.io/service-name=free' })).items ?? []
    );
  }

  /** Names of the Pods that new connections reach. */
  async function reachable(): Promise<string[]> {
    const endpoints = (await slices()).flatMap((slice) => slice.endpoints ?? []);
    return endpoints
      .filter(({ conditions }) => conditions?.ready)
      .map(({ targetRef }) => targetRef?.name ?? '')
      .sort();
  }

  /** EndpointSlices take no loopback addresses, which is what Pods of fake nodes have. 192.0.2.0/24 is for examples. */
  async function giveAddress({ metadata }: Pod, index: number): Promise<void> {
    const podIP = `192.0.2.${index + 1}`;
    const path = paths.pods.one(scene.namespace, metadata.name, 'status');
    await scene.api.mergePatch(path, { status: { podIP, podIPs: [{ ip: podIP }] } });
  }

  const namesOf = (pods: Pod[]): string[] => pods.map((pod) => pod.metadata.name).sort();

  it('leads to every idle Pod and to no busy one, although all of them are Ready', async () => {
    const pods = await eventually(async () => {
      const idle = await scene.readyPods(`${STATE_LABEL}=idle`);
      expect(idle).toHaveLength(3);
      return idle;
    });
    await Promise.all(pods.map(giveAddress));
    await eventually(async () => expect(await reachable()).toEqual(namesOf(pods)));
    expect((await slices())[0]?.ports).toMatchObject([{ port: 8080 }]);
    const [busy] = pods as [Pod];
    await scene.setBusy(busy);
    await eventually(async () => expect(await reachable()).toEqual(namesOf(pods.slice(1))));
    expect(isReady(await scene.pod(busy.metadata.name))).toBe(true);
    await scene.setBusy(busy, null);
    await eventually(async () => expect(await reachable()).toEqual(namesOf(pods)));
  });
});

/** What a user of the constructs writes. */
function rooms(namespace: string): object[] {
  const chart = new Chart(new App(), 'test', { namespace });
  const hotStandby = new HotStandby(chart, 'rooms', {
    metadata: { name: 'rooms' },
    idleTarget: 3,
    maxReplicas: 3,
    containers: [{ image: 'example.com/app:1', portNumber: 8080 }],
  });
  hotStandby.exposeIdle({ name: 'free', ports: [{ port: 80, targetPort: 8080 }] });
  return Testing.synth(chart);
}
