import type { Api, ApiWriter, RequestOptions } from './api';
import type { Query } from './transport';
import type { ListPage, WatchEvent } from './types';

/** This process leads no more; nothing was sent. */
export class NotLeading extends Error {
  constructor() {
    super('not the leader any more: nothing was written');
    this.name = 'NotLeading';
  }
}

/**
 * An API server that takes writes only while this process leads: every single one is asked for at the moment it is sent,
 * whoever sends it, so no sequence of writes has to look in between. Reads pass at all times. What neither ends nor
 * changes anything is not behind it: the Lease itself, and Events, which tell of what was done while it led.
 */
export class Fence implements Api {
  constructor(
    private readonly api: Api,
    private readonly isLeading: () => boolean,
  ) {}

  get<T>(path: string, query?: Query, options?: RequestOptions): Promise<T> {
    return this.api.get<T>(path, query, options);
  }

  list<T>(path: string, query?: Query, options?: RequestOptions): Promise<ListPage<T>> {
    return this.api.list<T>(path, query, options);
  }

  watch(path: string, query: Query, signal: AbortSignal, idleTimeoutMs: number): AsyncGenerator<WatchEvent> {
    return this.api.watch(path, query, signal, idleTimeoutMs);
  }

  create<T>(...request: Parameters<ApiWriter['create']>): Promise<T> {
    return this.write(() => this.api.create<T>(...request));
  }

  update<T>(...request: Parameters<ApiWriter['update']>): Promise<T> {
    return this.write(() => this.api.update<T>(...request));
  }

  apply<T>(...request: Parameters<ApiWriter['apply']>): Promise<T> {
    return this.write(() => this.api.apply<T>(...request));
  }

  mergePatch<T>(...request: Parameters<ApiWriter['mergePatch']>): Promise<T> {
    return this.write(() => this.api.mergePatch<T>(...request));
  }

  jsonPatch<T>(...request: Parameters<ApiWriter['jsonPatch']>): Promise<T> {
    return this.write(() => this.api.jsonPatch<T>(...request));
  }

  delete<T>(...request: Parameters<ApiWriter['delete']>): Promise<T> {
    return this.write(() => this.api.delete<T>(...request));
  }

  private write<T>(send: () => Promise<T>): Promise<T> {
    return this.isLeading() ? send() : Promise.reject(new NotLeading());
  }
}
