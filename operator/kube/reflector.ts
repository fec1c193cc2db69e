import type { ApiReader } from './api';
import { Backoff } from './backoff';
import { type Clock, type Random, sleep } from './clock';
import { Deferred } from './deferred';
import { ECHO_MS, Echo } from './echo';
import { ApiError, isGone, isRetryable, NetworkError } from './errors';
import type { Logger } from './logger';
import { pages } from './pages';
import { compareResourceVersions } from './resource-version';
import { type Change, Store, type Versioned } from './store';
import type { Query } from './transport';
import type { KubeObject, WatchEvent } from './types';

export type { Change } from './store';

export interface ReflectorOptions<V> {
  client: Pick<ApiReader, 'list' | 'watch'>;
  /** The collection, for example `paths.pods.list()`. */
  path: string;
  /** `labelSelector`, `fieldSelector`. */
  query?: Query;
  /**
   * Keeps of an object what the operator reads; undefined: not ours. Objects handed to `observe` pass it too, so it must
   * refuse what `query` does not select. An object it throws for is logged and treated as not ours.
   */
  transform: (object: KubeObject) => V | undefined;
  /** Called after every change of the store, in order, synchronously. What it throws is logged. */
  onChange: (change: Change<V>) => void;
  /** This watch was found cut without a word. Others may be, too. */
  onMute?: () => void;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Objects per page of a list; bounds how long parsing blocks the event loop, and the garbage it leaves. Default: 200 (about 8 ms of Pods). */
  pageSize?: number;
  /** Silence after which the server counts as dead. Default: 115,000: nearly two bookmarks (one a minute). */
  idleTimeoutMs?: number;
}

/** Backoff after failures, as client-go's reflector. */
const BACKOFF_BASE_MS = 800;
const BACKOFF_CAP_MS = 30_000;

/** A watch that ends sooner waits before the next: a broken proxy must not make a busy loop. */
const SHORTEST_WATCH_MS = 1000;

/** A position that is too old costs one list at once, not more often than this. */
const LIST_AT_ONCE_MS = 10_000;

/**
 * A local copy of one collection that follows the API server for ever: paged list, then watch, again after every failure.
 * Nothing but `stop()` ends it. Events may come late, twice, out of order or not at all: the copy never goes back in
 * time, and a new list finds what was missed.
 */
export class Reflector<V extends Versioned> {
  private readonly store: Store<V>;
  private readonly backoff: Backoff;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private readonly firstSync = new Deferred();
  private hasSynced = false;
  /** Where the next watch starts; undefined: list first. */
  private position: string | undefined;
  /** Version of the newest list. */
  private listed = '0';
  private readonly idleTimeoutMs: number;
  private activityMs: number;
  private listedAtMs = Number.NEGATIVE_INFINITY;
  private watchStartedMs = 0;
  private watchLines = 0;
  private readonly echo: Echo;
  /** Ends the watch under way, which is thought to be cut without a word. */
  private doubted = new AbortController();

  constructor(private readonly options: ReflectorOptions<V>) {
    this.store = new Store<V>(options.clock, (change) => this.notify(change));
    this.backoff = new Backoff(BACKOFF_BASE_MS, BACKOFF_CAP_MS, options.random);
    this.activityMs = options.clock.monotonic();
    this.idleTimeoutMs = options.idleTimeoutMs ?? 115_000;
    this.echo = new Echo(options.clock, (times) => this.isMute(times));
    this.firstSync.promise.catch(() => {}); // Nobody has to wait for it.
  }

  /** Starts following. Again: no effect. After `stop()`: throws. */
  start(): void {
    if (this.stopping.signal.aborted) throw new Error(`the reflector of ${this.options.path} was stopped`);
    this.running ??= this.follow();
  }

  /** Ends the watch; when it resolves, `onChange` is not called by it any more. The copy stays readable. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.firstSync.reject(new Error(`the reflector of ${this.options.path} was stopped before its first list`));
    await this.running;
  }

  /** Whether a complete list has been taken over. Stays true while it reconnects. */
  get synced(): boolean {
    return this.hasSynced;
  }

  /** Resolves when `synced`; rejects with `signal.reason`, or when stopped before. */
  async whenSynced(signal?: AbortSignal): Promise<void> {
    if (signal === undefined) return this.firstSync.promise;
    signal.throwIfAborted();
    const aborted = new Deferred<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.firstSync.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Monotonic time of the last sign of life: a page of a list, or a line of the watch (a bookmark a minute at rest). */
  get lastActivityMs(): number {
    return this.activityMs;
  }

  get size(): number {
    return this.store.size;
  }

  get(namespace: string, name: string): V | undefined {
    return this.store.get(namespace, name);
  }

  byUid(uid: string): V | undefined {
    return this.store.byUid(uid);
  }

  values(): IterableIterator<V> {
    return this.store.values();
  }

  /**
   * Brings the copy to what the API server holds now, however late the watch is: a consistent list beside it. What the
   * watch delivers after that and is older is ignored. Rejects when the list fails.
   */
  async refresh(): Promise<void> {
    const { objects, snapshot, knownBefore } = await this.list();
    // Another list was faster and is newer: this one would bring back what was deleted in between.
    if (compareResourceVersions(this.listed, snapshot) <= 0) this.takeOver(objects, snapshot, knownBefore);
  }

  /** Takes over the API server's reply to an own write, so that the copy need not wait for the watch to bring it. */
  observe(object: KubeObject): void {
    const view = this.accept(object);
    if (view !== undefined) this.expect(view);
  }

  /** The same for a reply that is not the object itself but tells all of the change (a Scale). */
  observeView(view: V): void {
    this.store.put(view);
    this.expect(view);
  }

  /** Another watch was cut without a word: if this one is silent, too, a new one tells whether anything was missed. */
  doubt(): void {
    if (this.options.clock.monotonic() - this.activityMs >= ECHO_MS) this.doubted.abort();
  }

  private expect({ resourceVersion }: V): void {
    const isAhead = this.position !== undefined && compareResourceVersions(resourceVersion, this.position) > 0;
    if (isAhead) this.echo.expect(resourceVersion);
  }

  private isMute(times: number): void {
    const { logger, path, onMute } = this.options;
    logger.warn({ path, times }, 'a watch is silent about own writes: starting another');
    // A new one from the same position was as silent: only a list tells what there is.
    if (times > 1) this.position = undefined;
    this.doubted.abort();
    onMute?.();
  }

  private async follow(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const delayMs = await this.listAndWatch();
      if (delayMs > 0) await sleep(this.options.clock, delayMs, this.stopping.signal);
    }
  }

  /** One watch, after a list if needed. Resolves to the milliseconds to wait before the next. */
  private async listAndWatch(): Promise<number> {
    this.doubted = new AbortController();
    try {
      if (this.position === undefined) await this.relist();
      await this.watch();
      return this.hasWatchedWell() ? 0 : this.backoff.next();
    } catch (error) {
      if (this.stopping.signal.aborted || this.doubted.signal.aborted) return 0;
      if (this.isPositionWorthless(error)) this.position = undefined;
      return this.delayAfter(error);
    }
  }

  /**
   * An overloaded or unreachable server does not make the position worthless; every other refusal may, and so does a
   * watch that was silent from beginning to end: the API server is mute about versions it has not reached yet (measured
   * on 1.37), which is what a position becomes when etcd is restored from a backup.
   */
  private isPositionWorthless(error: unknown): boolean {
    const silentMs = this.options.clock.monotonic() - this.watchStartedMs;
    const isMute = error instanceof NetworkError && error.code === 'Timeout' && this.watchLines === 0;
    return !isRetryable(error) || (isMute && silentMs >= this.idleTimeoutMs);
  }

  private delayAfter(error: unknown): number {
    const { logger, path, clock } = this.options;
    const isCut = error instanceof NetworkError && this.hasWatchedWell();
    const isAged = isGone(error) && clock.monotonic() - this.listedAtMs >= LIST_AT_ONCE_MS;
    if (isCut || isAged) {
      logger.debug({ err: error, path }, 'watch interrupted');
      return 0;
    }
    const delayMs = this.backoff.next(error instanceof ApiError ? error.retryAfterMs : undefined);
    logger.warn({ err: error, path, delayMs: Math.round(delayMs) }, 'cannot follow the API server');
    return delayMs;
  }

  /** Whether the last watch had worked for a while, so that another may start without delay. */
  private hasWatchedWell(): boolean {
    return this.watchLines > 0 && this.options.clock.monotonic() - this.watchStartedMs >= SHORTEST_WATCH_MS;
  }

  private async relist(): Promise<void> {
    this.watchLines = 0;
    this.listedAtMs = this.options.clock.monotonic();
    const { objects, snapshot, knownBefore } = await this.list();
    this.takeOver(objects, snapshot, knownBefore);
    this.position = snapshot;
    this.hasSynced = true;
    this.firstSync.resolve();
  }

  /**
   * Reads the whole collection in pages of one snapshot. Without a resourceVersion the list is consistent: it holds
   * everything written before it began.
   */
  private async list(): Promise<{ objects: V[]; snapshot: string; knownBefore: string }> {
    const { client, path, query, pageSize: limit = 200 } = this.options;
    const knownBefore = this.store.newestVersion;
    const objects: V[] = [];
    let snapshot = '';
    const { signal } = this.stopping;
    for await (const { metadata, items } of pages<KubeObject>(client, path, { ...query, limit }, { signal })) {
      this.heard();
      snapshot ||= metadata.resourceVersion;
      for (const object of items) {
        const view = this.transform(object);
        if (view !== undefined) objects.push(view);
      }
      if (metadata.continue) await new Promise((resolve) => setImmediate(resolve));
    }
    signal.throwIfAborted();
    return { objects, snapshot, knownBefore };
  }

  private takeOver(objects: V[], snapshot: string, knownBefore: string): void {
    if (compareResourceVersions(snapshot, knownBefore) < 0) {
      const { logger, path } = this.options;
      logger.warn({ path, snapshot, knownBefore }, 'history of the API server went back: starting afresh');
      this.store.clear();
    }
    this.store.replace(objects, snapshot);
    this.listed = snapshot;
  }

  /** Resolves when the server ends the watch in an orderly way. */
  private async watch(): Promise<void> {
    const { client, path, query, random, clock } = this.options;
    this.watchLines = 0;
    this.watchStartedMs = clock.monotonic();
    const events = client.watch(
      path,
      {
        ...query,
        resourceVersion: this.position,
        allowWatchBookmarks: true,
        // Spread, so that replicas and restarts do not come back all at once.
        timeoutSeconds: 300 + Math.floor(random() * 301),
      },
      AbortSignal.any([this.stopping.signal, this.doubted.signal]),
      this.idleTimeoutMs,
    );
    this.echo.begin();
    try {
      for await (const event of events) {
        if (this.stopping.signal.aborted) break;
        this.watchLines += 1;
        this.heard();
        this.backoff.reset();
        this.handle(event);
      }
    } finally {
      this.echo.end();
    }
  }

  private handle(event: WatchEvent): void {
    const { uid, resourceVersion } = event.object.metadata;
    if (event.type === 'BOOKMARK') this.checkBookmark(resourceVersion);
    else if (event.type === 'DELETED') this.store.remove(uid, resourceVersion);
    else this.accept(event.object);
    this.position = resourceVersion;
    this.echo.heard(resourceVersion);
  }

  /** A bookmark behind the position: this server lags, or its history went back. A list finds out which. */
  private checkBookmark(resourceVersion: string): void {
    if (this.position === undefined || compareResourceVersions(resourceVersion, this.position) >= 0) return;
    throw new Error(`bookmark ${resourceVersion} is older than position ${this.position}`);
  }

  private accept(object: KubeObject): V | undefined {
    const view = this.transform(object);
    if (view === undefined) this.store.remove(object.metadata.uid, object.metadata.resourceVersion);
    else this.store.put(view);
    return view;
  }

  private transform(object: KubeObject): V | undefined {
    try {
      return this.options.transform(object);
    } catch (err) {
      const { namespace, name } = object.metadata;
      this.options.logger.error({ err, path: this.options.path, namespace, name }, 'object cannot be read');
      return undefined;
    }
  }

  private notify(change: Change<V>): void {
    try {
      this.options.onChange(change);
    } catch (err) {
      const { namespace, name } = change.current ?? change.previous ?? {};
      this.options.logger.error({ err, path: this.options.path, namespace, name }, 'change handler failed');
    }
  }

  private heard(): void {
    this.activityMs = this.options.clock.monotonic();
  }
}
