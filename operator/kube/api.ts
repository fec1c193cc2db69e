import type { Query } from './transport';
import type { JsonPatchOperation, ListPage, WatchEvent } from './types';

export interface RequestOptions {
  /** Gives up; the promise rejects with a NetworkError `Aborted`. */
  signal?: AbortSignal;
  /** Instead of the client's `timeoutMs`. */
  timeoutMs?: number;
  query?: Query;
}

/** No query: the API server reads none beside a body. */
export interface DeleteOptions extends Omit<RequestOptions, 'query'> {
  /** Precondition: 409 when the object of that name is another one. */
  uid?: string;
  /** Precondition: 409 when the object has changed since. */
  resourceVersion?: string;
  /** What becomes of dependents. Default: the resource's own, mostly `Background`. */
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  gracePeriodSeconds?: number;
  /** Everything but the deletion itself: admission and preconditions are asked. */
  dryRun?: boolean;
}

/** What may be read of an API server. Every method rejects with an ApiError when it refuses, a NetworkError when no answer comes. */
export interface ApiReader {
  /** Reads one object, or whatever JSON is at `path`. */
  get<T>(path: string, query?: Query, options?: RequestOptions): Promise<T>;

  /** Reads one page of a collection (`limit`, `continue`, `labelSelector`, ...). */
  list<T>(path: string, query?: Query, options?: RequestOptions): Promise<ListPage<T>>;

  /**
   * Follows a collection. Ends when the server closes the stream in an orderly way.
   * @param idleTimeoutMs longest silence, from the call on, before the peer counts as dead (NetworkError `Timeout`).
   * Bookmarks come about every 60 s
   * @throws ApiError also for an error the server sends in the stream, for example 410
   */
  watch(path: string, query: Query, signal: AbortSignal, idleTimeoutMs: number): AsyncGenerator<WatchEvent>;
}

/** What may be written. Rejects as ApiReader; a NetworkError leaves open whether the write was carried out. */
export interface ApiWriter {
  /** Creates `body` in the collection at `path`. */
  create<T>(path: string, body: unknown, options?: RequestOptions): Promise<T>;

  /** Replaces an object; 409 when `body.metadata.resourceVersion` is not the newest. */
  update<T>(path: string, body: unknown, options?: RequestOptions): Promise<T>;

  /**
   * Server-side apply: creates the object or makes the fields in `body` ours.
   * @param options.force take fields from other managers instead of answering 409
   */
  apply<T>(path: string, body: unknown, options?: RequestOptions & { force?: boolean }): Promise<T>;

  /**
   * Merge patch (RFC 7396): null removes. `metadata.resourceVersion` in `body` makes it conditional: 409 when the object
   * has changed since. `metadata.uid` too, but another object of that name then answers 422, not 409.
   */
  mergePatch<T>(path: string, body: unknown, options?: RequestOptions): Promise<T>;

  /** JSON patch (RFC 6902). A failed `test` answers 422. */
  jsonPatch<T>(path: string, body: JsonPatchOperation[], options?: RequestOptions): Promise<T>;

  /** Deletes one object. Resolves to the object while it is still going (finalizers, grace period), else to a Status. */
  delete<T>(path: string, options?: DeleteOptions): Promise<T>;
}

/** One API server, as the operator uses it: `ApiClient` over the network. */
export interface Api extends ApiReader, ApiWriter {}
