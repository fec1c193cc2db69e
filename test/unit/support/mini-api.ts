import type { ServerResponse } from 'node:http';
import type { KubeObject, WatchEvent } from '../../../operator/kube/types';
import { HttpServer, type ReceivedRequest, sendJson, sendStatus } from './http-server';

/** What the next request is answered with instead of the truth. */
export type Fault = (request: ReceivedRequest, response: ServerResponse) => void;

/**
 * One collection behind a real HTTP server, as an API server serves it: resourceVersions, lists in pages of one
 * snapshot, watches with history, writes guarded by resourceVersion. And with the ways it can go wrong.
 */
export class MiniApi {
  readonly objects = new Map<string, KubeObject>();
  private readonly watchers = new Set<ServerResponse>();
  private readonly snapshots = new Map<string, KubeObject[]>();
  private readonly faults: Fault[] = [];
  private history: (WatchEvent & { rv: number })[] = [];
  private rv = 100;
  private uids = 0;
  private compactedAt = 0;
  /** What late watches have not been sent yet. */
  private late: (() => void)[] | undefined;
  /** Called before every page of a list is answered. */
  onPage: ((pageNumber: number) => void) | undefined;
  /** Bytes a watch sends at a time. */
  chunkBytes = Number.POSITIVE_INFINITY;
  /** Every event is sent twice. */
  isRepeating = false;

  private constructor(readonly server: HttpServer) {}

  static async start(): Promise<MiniApi> {
    const holder: { api?: MiniApi } = {};
    const server = await HttpServer.start((request, response) => holder.api?.handle(request, response));
    holder.api = new MiniApi(server);
    return holder.api;
  }

  get url(): string {
    return this.server.url;
  }

  get resourceVersion(): string {
    return String(this.rv);
  }

  get openWatches(): number {
    return this.watchers.size;
  }

  /** Requests of one kind so far. */
  count(kind: 'list' | 'watch'): number {
    return this.server.requests.filter(
      ({ method, query }) => method === 'GET' && (query.watch === 'true') === (kind === 'watch'),
    ).length;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  add(name: string, labels: Record<string, string> = {}): KubeObject {
    this.uids += 1;
    return this.commit('ADDED', {
      metadata: { name, namespace: 'ns', uid: `uid-${this.uids}`, labels, ...this.tick() },
    });
  }

  change(name: string, labels: Record<string, string>): KubeObject {
    const { metadata } = this.mustGet(name);
    return this.commit('MODIFIED', { metadata: { ...metadata, labels, ...this.tick() } });
  }

  remove(name: string): KubeObject {
    const { metadata } = this.mustGet(name);
    this.objects.delete(name);
    return this.commit('DELETED', { metadata: { ...metadata, ...this.tick() } });
  }

  /** The next request is answered by `fault`; several queue up. */
  failNext(...faults: Fault[]): void {
    this.faults.push(...faults);
  }

  /** Every watch so far forgets its history: older positions answer 410. */
  compact(): void {
    this.rv += 1;
    this.compactedAt = this.rv;
    this.history = [];
    this.snapshots.clear();
  }

  /** etcd restored from an old backup: versions start again lower, everything is gone. */
  restore(rv: number): void {
    this.rv = rv;
    this.compactedAt = rv;
    this.history = [];
    this.objects.clear();
    this.snapshots.clear();
  }

  bookmark(): void {
    const line = { type: 'BOOKMARK', object: { metadata: { resourceVersion: this.resourceVersion } } };
    for (const watcher of this.watchers) watcher.write(`${JSON.stringify(line)}\n`);
  }

  /** Sends `lines` to every watch as they are. */
  sendRaw(text: string): void {
    for (const watcher of this.watchers) watcher.write(text);
  }

  /** Watches are late from now on, until what is returned is called. */
  holdWatches(): () => void {
    const held: (() => void)[] = [];
    this.late = held;
    return () => {
      this.late = undefined;
      for (const send of held) send();
    };
  }

  /** Ends every watch: in an orderly way, or by breaking the connection. */
  endWatches(how: 'end' | 'cut'): void {
    for (const watcher of this.watchers) {
      if (how === 'end') watcher.end();
      else watcher.destroy();
    }
    this.watchers.clear();
  }

  /** The honest answer. */
  readonly truth: Fault = (request, response) => {
    if (request.query.watch === 'true') this.watch(request, response);
    else if (request.method === 'GET' && request.path === '/things') this.list(request, response);
    else this.one(request, response);
  };

  /** Does what is asked, and the reply is lost. */
  readonly loseReply: Fault = (request, response) => {
    response.destroy();
    this.truth(request, response);
  };

  private handle(request: ReceivedRequest, response: ServerResponse): void {
    const fault = this.faults.shift() ?? this.truth;
    fault(request, response);
  }

  private list({ query }: ReceivedRequest, response: ServerResponse): void {
    const limit = Number(query.limit ?? 500);
    const [token = '', start = '0'] = (query.continue ?? '').split('@');
    this.onPage?.(Number(start) / limit);
    const key = token || this.resourceVersion;
    if (token === '') this.snapshots.set(key, [...this.objects.values()]);
    const snapshot = this.snapshots.get(key);
    if (snapshot === undefined) {
      sendStatus(response, 410, 'Expired', 'continue token is too old');
      return;
    }
    const end = Number(start) + limit;
    const next = end < snapshot.length ? `${key}@${end}` : undefined;
    const items = snapshot.slice(Number(start), end);
    sendJson(response, 200, { kind: 'ThingList', metadata: { resourceVersion: key, continue: next }, items });
  }

  private watch({ query }: ReceivedRequest, response: ServerResponse): void {
    const from = Number(query.resourceVersion);
    response.writeHead(200, { 'content-type': 'application/json' });
    if (from < this.compactedAt) {
      const object = { code: 410, reason: 'Expired', message: 'too old resource version' };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return;
    }
    response.flushHeaders();
    this.watchers.add(response);
    response.on('close', () => this.watchers.delete(response));
    for (const event of this.history) if (event.rv > from) this.send(response, event);
  }

  private one(request: ReceivedRequest, response: ServerResponse): void {
    const body = request.body === '' ? undefined : (JSON.parse(request.body) as KubeObject);
    const name = request.path.split('/').at(-1) ?? '';
    const stored = this.objects.get(name);
    if (request.method === 'POST' && body !== undefined) {
      this.create(body, response);
    } else if (stored === undefined) {
      sendStatus(response, 404, 'NotFound', `"${name}" not found`);
    } else if (request.method === 'GET') {
      sendJson(response, 200, stored);
    } else if (body?.metadata.resourceVersion !== stored.metadata.resourceVersion) {
      sendStatus(response, 409, 'Conflict', 'the object has been modified');
    } else {
      const metadata = { ...stored.metadata, ...this.tick() };
      sendJson(response, 200, this.commit('MODIFIED', { ...body, metadata }));
    }
  }

  private create(body: KubeObject, response: ServerResponse): void {
    if (this.objects.has(body.metadata.name)) {
      sendStatus(response, 409, 'AlreadyExists', 'already exists');
      return;
    }
    this.uids += 1;
    const metadata = { ...body.metadata, uid: `uid-${this.uids}`, ...this.tick() };
    sendJson(response, 201, this.commit('ADDED', { ...body, metadata }));
  }

  private commit(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): KubeObject {
    if (type !== 'DELETED') this.objects.set(object.metadata.name, object);
    const event = { type, object, rv: this.rv };
    this.history.push(event);
    const tell = (): void => {
      for (const watcher of this.watchers) this.send(watcher, event);
    };
    if (this.late === undefined) tell();
    else this.late.push(tell);
    return object;
  }

  private send(watcher: ServerResponse, { type, object }: WatchEvent): void {
    const line = Buffer.from(`${JSON.stringify({ type, object })}\n`);
    const bytes = this.isRepeating ? Buffer.concat([line, line]) : line;
    for (let at = 0; at < bytes.length; at += this.chunkBytes) watcher.write(bytes.subarray(at, at + this.chunkBytes));
  }

  private tick(): { resourceVersion: string } {
    this.rv += 1;
    return { resourceVersion: this.resourceVersion };
  }

  private mustGet(name: string): KubeObject {
    const object = this.objects.get(name);
    if (object === undefined) throw new Error(`no object "${name}"`);
    return object;
  }
}
