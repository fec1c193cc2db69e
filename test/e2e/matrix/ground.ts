import { isConflict, isNotFound } from '../../../operator/kube/errors';
import { freePorts } from '../../../tools/cluster/ports';
import { OperatorProcess } from '../support/operator';
import { PodFeed } from '../support/pod-feed';
import { Scene } from '../support/scene';
import { IDLE } from './markers';
import { FedServers } from './servers';

/** As the shipped manifests run it: the guard is installed, and the operator knows. */
const SHIPPED = { HOTSTANDBY_ADMISSION_GUARD: 'true' };

/** Label on the Pods that are asked by HTTP. */
export const SERVED = 'served';

/** A namespace with operators that look after it alone. */
export class Ground {
  operators: OperatorProcess[] = [];

  private constructor(
    readonly scene: Scene,
    readonly feed: PodFeed,
    readonly servers: FedServers,
    readonly port: number,
  ) {}

  static async open(name: string, operators = 1): Promise<Ground> {
    const scene = await Scene.open(name);
    const feed = await PodFeed.open(scene);
    const { port } = await freePorts(['port'], ['0.0.0.0']);
    const servers = new FedServers(feed, port, IDLE, (pod) => pod.metadata.labels?.[SERVED] === 'true');
    const ground = new Ground(scene, feed, servers, port);
    await ground.startOperators(operators);
    return ground;
  }

  async startOperators(count = 1): Promise<void> {
    const { namespace } = this.scene;
    const started = Array.from({ length: count }, () => OperatorProcess.start({ namespace, env: SHIPPED }));
    this.operators.push(...(await Promise.all(started)));
  }

  /** One that talks to the API server by another kubeconfig; it need not live until it is ready. */
  spawnOperator(kubeconfig: string): OperatorProcess {
    return OperatorProcess.spawn({ namespace: this.scene.namespace, env: SHIPPED, kubeconfig });
  }

  async stopOperators(): Promise<void> {
    await Promise.all(this.operators.splice(0).map((operator) => operator.stop()));
  }

  async close(): Promise<void> {
    await this.stopOperators();
    await this.servers.close();
    await this.feed.close();
    await this.scene.close().catch((error: unknown) => {
      // A test may have deleted the namespace itself.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
  }
}
