import { systemClock } from '../../../operator/kube/clock';
import { silentLogger } from '../../../operator/kube/logger';
import { paths } from '../../../operator/kube/paths';
import { Reflector } from '../../../operator/kube/reflector';
import type { KubeObject } from '../../../operator/kube/types';
import type { Pod, Scene } from './scene';

interface Seen {
  uid: string;
  namespace: string;
  name: string;
  resourceVersion: string;
  pod: Pod;
}

type Listener = (change: { current?: Pod; previous?: Pod }) => void;

/** Every Pod of a namespace, kept up to date by one watch: looking costs no request, however often a test looks. */
export class PodFeed {
  private readonly byUid = new Map<string, Pod>();
  private readonly listeners = new Set<Listener>();
  private readonly reflector: Reflector<Seen>;

  private constructor(scene: Scene) {
    this.reflector = new Reflector<Seen>({
      client: scene.api,
      path: paths.pods.list(scene.namespace),
      transform: (object: KubeObject) => {
        const { uid, name, resourceVersion } = object.metadata;
        return { uid, name, resourceVersion, namespace: scene.namespace, pod: object as Pod };
      },
      onChange: ({ current, previous }) => this.changed({ current: current?.pod, previous: previous?.pod }),
      clock: systemClock,
      random: Math.random,
      logger: silentLogger,
    });
  }

  /** Resolves when it knows all there are. */
  static async open(scene: Scene): Promise<PodFeed> {
    const feed = new PodFeed(scene);
    feed.reflector.start();
    await feed.reflector.whenSynced();
    return feed;
  }

  close(): Promise<void> {
    return this.reflector.stop();
  }

  /** Calls `listener` with every Pod there is and every change from now on. Returns what ends that. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    for (const current of this.byUid.values()) listener({ current });
    return () => this.listeners.delete(listener);
  }

  /** As last heard of; undefined: gone. */
  get(uid: string): Pod | undefined {
    return this.byUid.get(uid);
  }

  /** Pods with the label `app` that are not on their way out. */
  live(app: string): Pod[] {
    return [...this.byUid.values()].filter(
      ({ metadata }) => metadata.labels?.app === app && metadata.deletionTimestamp === undefined,
    );
  }

  private changed(change: { current?: Pod; previous?: Pod }): void {
    const { current, previous } = change;
    if (current) this.byUid.set(current.metadata.uid, current);
    else if (previous) this.byUid.delete(previous.metadata.uid);
    for (const listener of this.listeners) listener(change);
  }
}
