import { paths } from '../../../operator/kube/paths';
import type { Scene } from '../support/scene';
import { patiently } from './patiently';
import type { PodExtras } from './stand';

const LABEL = 'matrix.example.com/pool';

interface NodeStatus {
  spec: { taints?: unknown[] };
  status?: { conditions?: { type: string; status: string }[] };
}

/** Fake nodes of one test alone: whatever it does to them, no other test's Pods are there. */
export class OwnNodes {
  private constructor(
    private readonly scene: Scene,
    private readonly pool: string,
    readonly names: string[],
  ) {}

  /** @param pods how many each node takes */
  static async open(scene: Scene, purpose: string, count: number, pods = 1_000): Promise<OwnNodes> {
    const pool = `${scene.namespace}-${purpose}`;
    const names = Array.from({ length: count }, (_, index) => `${pool}-${index}`);
    const nodes = new OwnNodes(scene, pool, names);
    await Promise.all(names.map((name) => nodes.create(name, pods)));
    await patiently(async () => {
      for (const name of names) {
        const { spec, status } = await scene.api.get<NodeStatus>(paths.nodes(name));
        expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
        expect(spec.taints).toHaveLength(1);
      }
    });
    return nodes;
  }

  /** What puts Pods on these nodes and no other. */
  get pod(): Required<PodExtras> {
    return { nodeSelector: { [LABEL]: this.pool }, tolerations: [{ key: LABEL, operator: 'Exists' }] };
  }

  async close(): Promise<void> {
    await Promise.all(this.names.map((name) => this.scene.api.delete(paths.nodes(name))));
  }

  private async create(name: string, pods: number): Promise<void> {
    const resources = { cpu: '1k', memory: '4Ti', 'ephemeral-storage': '4Ti', pods: String(pods) };
    await this.scene.api.create(paths.nodes(), {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name,
        // kwok looks after nodes with this annotation.
        annotations: { 'kwok.x-k8s.io/node': 'fake' },
        labels: { [LABEL]: this.pool, 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' },
      },
      spec: { taints: [{ key: LABEL, effect: 'NoSchedule' }] },
      status: { allocatable: resources, capacity: resources },
    });
  }
}
