import { isDeepStrictEqual } from 'node:util';
import { childName, NAME_LABEL } from '../../src/api/names';
import type { BudgetView, DeploymentView, HsdView, ObjectView, PodView, ReplicaSetView } from '../decide/model';
import type { ApiReader } from '../kube/api';
import type { Clock, Random } from '../kube/clock';
import type { Logger } from '../kube/logger';
import { paths, type ResourcePaths } from '../kube/paths';
import { Reflector } from '../kube/reflector';
import type { KubeObject } from '../kube/types';
import { CordonWatch } from './cordon-watch';
import { KeyedIndex } from './keyed-index';
import { keyOf, projectBudget, projectDeployment, projectHsd, projectPod, projectReplicaSet } from './project';
import { keepKey, withTrueKeys } from './true-keys';

export interface WorldOptions {
  client: ApiReader;
  /** Namespaces to watch; undefined: all of them. */
  namespaces?: readonly string[];
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Something about the hsd of this key (`namespace/name`) changed. Must not throw. */
  onChange: (key: string) => void;
  /** Whether nodes may be read: their cordons are watched then. */
  watchNodes: boolean;
  /** A Pod appeared, changed or went. Must not throw. */
  onPod?: (change: { current?: PodView; previous?: PodView }) => void;
}

/** Everything the operator knows of the cluster, in memory and kept up to date by watches. */
export class World {
  readonly hsds: Source<HsdView>;
  readonly deployments: Source<DeploymentView>;
  readonly replicaSets: Source<ReplicaSetView>;
  readonly pods: Source<PodView>;
  readonly budgets: Source<BudgetView>;
  /** Names of cordoned nodes. Empty while the operator may not read nodes (a namespaced install). */
  readonly cordoned: ReadonlySet<string>;
  private readonly nodes: CordonWatch | undefined;

  constructor(options: WorldOptions) {
    const { onChange } = options;
    const labelled = { labelSelector: NAME_LABEL };
    const own = (view: HsdView): string => `${view.namespace}/${view.name}`;
    const watching = { ...options, onMute: () => this.doubt() };
    this.hsds = new Source(watching, paths.hsds, {}, projectHsd, own, onChange);
    this.deployments = new Source(watching, paths.deployments, labelled, projectDeployment, keyOf, onChange);
    this.replicaSets = new Source(watching, paths.replicaSets, labelled, projectReplicaSet, keyOf, onChange);
    const { onPod } = options;
    this.pods = new Source(watching, paths.pods, labelled, projectPod, keyOf, onChange, {
      onObject: onPod,
      keep: keepKey,
    });
    this.budgets = new Source(watching, paths.podDisruptionBudgets, labelled, projectBudget, keyOf, onChange);
    this.nodes = options.watchNodes ? new CordonWatch(options, (node) => this.nodeChanged(node, onChange)) : undefined;
    this.cordoned = this.nodes?.cordoned ?? new Set();
  }

  start(): void {
    for (const source of this.sources) source.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.sources.map((source) => source.stop()));
  }

  /** Every kind has been listed at least once. */
  get synced(): boolean {
    return this.sources.every((source) => source.synced);
  }

  async whenSynced(signal?: AbortSignal): Promise<void> {
    await Promise.all(this.sources.map((source) => source.whenSynced(signal)));
  }

  /** Asks the API server for everything, however late the watches are. Rejects when one of the lists fails. */
  async refresh(): Promise<void> {
    await Promise.all(this.sources.map((source) => source.refresh()));
  }

  /** The hsd with this key. */
  hsd(key: string): HsdView | undefined {
    const [view] = this.hsds.of(key);
    return view;
  }

  /** The labelled Deployment with the child's name; one without our label is not in the cache. */
  child(hsd: HsdView): DeploymentView | undefined {
    return this.deployments.get(hsd.namespace, childName(hsd.name));
  }

  /** Its Pods, each with the key that says busy, whatever the Pod itself says. */
  podsOf(hsd: HsdView): readonly PodView[] {
    const key = `${hsd.namespace}/${hsd.name}`;
    return withTrueKeys(hsd, this.pods.of(key), this.replicaSets.of(key));
  }

  /** Milliseconds since the quietest watch last heard from the API server. */
  get oldestActivityMs(): number {
    return Math.max(...this.sources.map((source) => source.idleMs));
  }

  /** What cuts one connection without a word cuts others: those that are silent, too, are made anew. */
  private doubt(): void {
    for (const source of this.sources) source.doubt();
  }

  /** Cordoning is rare: a look at every Pod then is cheaper than an index kept at all times. */
  private nodeChanged(node: string, onChange: (key: string) => void): void {
    for (const key of this.pods.keys()) {
      if (this.pods.of(key).some((pod) => pod.node === node)) onChange(key);
    }
  }

  private get sources(): readonly Pick<
    Source<ObjectView>,
    'start' | 'stop' | 'synced' | 'whenSynced' | 'refresh' | 'doubt' | 'idleMs'
  >[] {
    const sources = [this.hsds, this.deployments, this.replicaSets, this.pods, this.budgets];
    return this.nodes ? [...sources, this.nodes] : sources;
  }
}

/** A change of what the operator does not read: for one, the budget's status with every session. */
function saysTheSame<V extends ObjectView>({ current, previous }: { current?: V; previous?: V }): boolean {
  if (current === undefined || previous === undefined) return false;
  return isDeepStrictEqual({ ...current, resourceVersion: '' }, { ...previous, resourceVersion: '' });
}

interface SourceOptions extends WorldOptions {
  /** A watch was found cut without a word. */
  onMute: () => void;
}

interface SourceHooks<V> {
  onObject?: ((change: { current?: V; previous?: V }) => void) | undefined;
  /** What is kept of what an object said before. */
  keep?: (current: V, previous: V | undefined) => V;
}

/** One kind of object: a reflector for each watched namespace, and its objects by hsd. */
export class Source<V extends ObjectView> {
  private readonly reflectors: Map<string, Reflector<V>>;
  private readonly index = new KeyedIndex<V>();

  constructor(
    private readonly options: SourceOptions,
    resource: ResourcePaths,
    query: Record<string, string>,
    project: (object: never) => V,
    private readonly keyOfView: (view: V) => string | undefined,
    onChange: (key: string) => void,
    { onObject, keep }: SourceHooks<V> = {},
  ) {
    const { client, clock, random, logger, namespaces, onMute } = options;
    const changed = (change: { current?: V; previous?: V }): void => {
      const before = change.previous && keyOfView(change.previous);
      const after = change.current && keyOfView(change.current);
      if (change.previous && before !== undefined) this.index.remove(before, change.previous.uid);
      if (change.current && after !== undefined) this.index.put(after, change.current);
      onObject?.(change);
      if (saysTheSame(change)) return;
      if (before !== undefined && before !== after) onChange(before);
      if (after !== undefined) onChange(after);
    };
    // Replies of own writes pass here too: what the watch does not select must not enter by them.
    const selected = (object: KubeObject): boolean =>
      !query.labelSelector || object.metadata.labels?.[NAME_LABEL] !== undefined;
    const transform = (object: KubeObject): V | undefined => {
      if (!selected(object)) return undefined;
      const view = project(object as never);
      return keep ? keep(view, this.reflectorOf(view.namespace)?.byUid(view.uid)) : view;
    };
    const scopes: (string | undefined)[] = namespaces === undefined ? [undefined] : [...namespaces];
    this.reflectors = new Map(
      scopes.map((namespace) => [
        namespace ?? '',
        new Reflector<V>({
          client,
          path: resource.list(namespace),
          query,
          transform,
          onChange: changed,
          onMute,
          clock,
          random,
          logger,
        }),
      ]),
    );
  }

  start(): void {
    for (const reflector of this.reflectors.values()) reflector.start();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.reflectors.values()].map((reflector) => reflector.stop()));
  }

  doubt(): void {
    for (const reflector of this.reflectors.values()) reflector.doubt();
  }

  get synced(): boolean {
    return [...this.reflectors.values()].every((reflector) => reflector.synced);
  }

  async whenSynced(signal?: AbortSignal): Promise<void> {
    await Promise.all([...this.reflectors.values()].map((reflector) => reflector.whenSynced(signal)));
  }

  async refresh(): Promise<void> {
    await Promise.all([...this.reflectors.values()].map((reflector) => reflector.refresh()));
  }

  get(namespace: string, name: string): V | undefined {
    return this.reflectorOf(namespace)?.get(namespace, name);
  }

  /** Objects of the hsd with this key. */
  of(key: string): V[] {
    return this.index.of(key);
  }

  keys(): IterableIterator<string> {
    return this.index.keys();
  }

  /** The reply of an own write: the cache has it before the watch delivers it. */
  observe(namespace: string, object: KubeObject): void {
    this.reflectorOf(namespace)?.observe(object);
  }

  /** The same when the reply is not the object itself (a Scale). What no watch would bring up to date is not kept. */
  observeView(namespace: string, view: V): void {
    if (this.keyOfView(view) !== undefined) this.reflectorOf(namespace)?.observeView(view);
  }

  get idleMs(): number {
    const now = this.options.clock.monotonic();
    return Math.max(...[...this.reflectors.values()].map((reflector) => now - reflector.lastActivityMs));
  }

  private reflectorOf(namespace: string): Reflector<V> | undefined {
    return this.reflectors.get('') ?? this.reflectors.get(namespace);
  }
}
