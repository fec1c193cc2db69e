import { paths } from '../../../operator/kube/paths';
import { STATE_LABEL } from '../../../src/api/names';
import type { HotStandbySpec } from '../../../src/api/types';
import { isReady, type Pod, type Scene } from '../support/scene';
import { type Ground, SERVED } from './ground';
import { type Marker, type Mode, markerOf, probeOf } from './markers';
import type { OwnNodes } from './nodes';
import { patiently } from './patiently';
import { SessionLoop } from './session-loop';

/** Idle Pods of a stand before anything happens to it. */
export const IDLE_TARGET = 3;

/** What a row of the matrix needs of the Pods beside their image. */
export interface PodExtras {
  nodeSelector?: Record<string, string>;
  tolerations?: { key: string; operator: string }[];
}

export interface StandOptions {
  ground: Ground;
  name: string;
  mode: Mode;
  spec?: Partial<HotStandbySpec>;
  nodes?: OwnNodes;
}

/** One hsd with sessions in its Pods, at the mercy of a row of the matrix. */
export class Stand {
  readonly scene: Scene;
  readonly name: string;
  readonly marker: Marker;
  /** Busy Pods whose sessions last: they drop no readiness, and they do. */
  readonly ready: Pod[] = [];
  readonly notReady: Pod[] = [];
  private before: ReadonlySet<string> = new Set();

  private constructor(private readonly options: StandOptions) {
    this.scene = options.ground.scene;
    this.name = options.name;
    this.marker = markerOf(options.mode, this.scene, options.ground.servers);
  }

  /** Resolves when all its Pods are idle. */
  static async open(options: StandOptions): Promise<Stand> {
    const stand = new Stand(options);
    const { ground, name, mode, spec } = options;
    await stand.scene.createHsd(name, {
      idleTarget: IDLE_TARGET,
      selector: { matchLabels: { app: name } },
      podTemplate: stand.template(1),
      ...probeOf(mode, ground.port),
      ...spec,
    });
    await patiently(async () =>
      expect((await stand.scene.hsd(name)).status).toMatchObject({ availableCount: spec?.idleTarget ?? IDLE_TARGET }),
    );
    stand.remember();
    return stand;
  }

  /** A Pod template with this image. */
  template(tag: number): HotStandbySpec['podTemplate'] {
    return {
      metadata: { labels: { [SERVED]: String(this.options.mode === 'http') } },
      spec: { ...this.pod, containers: [{ name: 'app', image: imageOf(tag) }] },
    };
  }

  /** What puts Pods on the stand's own nodes. */
  get pod(): PodExtras {
    return this.options.nodes?.pod ?? {};
  }

  /** Names of its own nodes. */
  get nodes(): readonly string[] {
    return this.options.nodes?.names ?? [];
  }

  find(uid: string): Pod | undefined {
    return this.options.ground.feed.get(uid);
  }

  get live(): Pod[] {
    return this.options.ground.feed.live(this.name);
  }

  /** Live Pods without a lasting session. */
  get others(): Pod[] {
    const held = new Set([...this.ready, ...this.notReady].map((pod) => pod.metadata.uid));
    return this.live.filter((pod) => !held.has(pod.metadata.uid));
  }

  /** A session on one idle Pod, until the end; resolves when it is counted. */
  async occupy(kind: 'ready' | 'notReady', among: (pod: Pod) => boolean = () => true): Promise<Pod> {
    const pod = await patiently(async () => {
      const free = this.others.filter((p) => isReady(p) && p.metadata.labels?.[STATE_LABEL] === 'idle' && among(p));
      const [first] = free.filter((p) => this.marker.isCandidate(p));
      if (first === undefined) throw new Error(`${this.name}: no idle Pod`);
      if ((await this.marker.begin(first)) !== 'begun') throw new Error(`${this.name}: the Pod is on its way out`);
      return first;
    });
    this[kind].push(pod);
    await patiently(() => expect(this.find(pod.metadata.uid)?.metadata.labels?.[STATE_LABEL]).toBe('busy'));
    if (kind === 'notReady') await this.dropReadiness(pod);
    return pod;
  }

  /** Two lasting sessions, one of them in a Pod that drops its readiness. */
  async occupyBoth(): Promise<void> {
    await this.occupy('ready');
    await this.occupy('notReady');
    await this.rested();
    this.remember();
  }

  /** Sessions that come and go, on any Pod or on those without a lasting one. */
  loop(options: { marker?: Marker; among?: 'live' | 'others'; parallel?: number } = {}): SessionLoop {
    const { marker = this.marker, among = 'live', parallel = 2 } = options;
    return new SessionLoop({ pods: () => this[among], marker, parallel, shortestMs: 50, longestMs: 700 });
  }

  /** Waits until a Pod that was here at the start has been ended: what is done to the hsd takes effect. */
  async bitten(): Promise<void> {
    await patiently(() => {
      const live = new Set(this.live.map((pod) => pod.metadata.uid));
      expect([...this.before].filter((uid) => !live.has(uid))).not.toEqual([]);
    });
  }

  /** Waits until the newest spec has been carried out: as many Pods as wanted, busy ones all counted. */
  async rested(): Promise<void> {
    await patiently(async () => {
      const busyCount = this.live.length - this.others.length;
      const { metadata, status } = await this.scene.hsd(this.name);
      const { desiredReplicas } = status ?? {};
      expect(status).toMatchObject({ observedGeneration: metadata.generation, busyCount, replicas: desiredReplicas });
      expect(this.live).toHaveLength(desiredReplicas ?? -1);
    });
  }

  /** Waits until every Pod without a lasting session has this image. */
  async imaged(tag: number): Promise<void> {
    await patiently(() => {
      expect(this.others.map((pod) => pod.spec?.containers?.[0]?.image)).toEqual(Array(IDLE_TARGET).fill(imageOf(tag)));
    });
  }

  patch(spec: Record<string, unknown>): Promise<unknown> {
    return this.scene.patchHsd(this.name, spec);
  }

  changeImage(tag: number): Promise<unknown> {
    return this.patch({ podTemplate: this.template(tag) });
  }

  /** Ends the hsd and all its Pods, in the background. */
  async close(): Promise<void> {
    await this.scene.api.delete(paths.hsds.one(this.scene.namespace, this.name));
  }

  private async dropReadiness({ metadata }: Pod): Promise<void> {
    const unready = [{ type: 'Ready', status: 'False', lastTransitionTime: new Date().toISOString() }];
    const path = `/api/v1/namespaces/${this.scene.namespace}/pods/${metadata.name}/status`;
    await this.scene.api.mergePatch(path, { status: { conditions: unready } });
  }

  private remember(): void {
    this.before = new Set(this.others.map((pod) => pod.metadata.uid));
  }
}

export function imageOf(tag: number): string {
  return `example.com/app:${tag}`;
}

/** How many of `pods` are gone or on their way out, by the API server itself. */
export async function countLost({ scene, name }: Stand, pods: readonly Pod[]): Promise<number> {
  const alive = new Set((await scene.pods(`app=${name}`)).map((pod) => pod.metadata.uid));
  return pods.filter((pod) => !alive.has(pod.metadata.uid)).length;
}
