import type { Dispatcher } from 'undici';
import { FIELD_MANAGER } from '../../src/api/names';
import type { Api, DeleteOptions, RequestOptions } from './api';
import { type Clock, systemClock } from './clock';
import type { Connection } from './connection';
import { ApiError, type ApiStatus, ConfigError, NetworkError, toNetworkError } from './errors';
import { LineSplitter } from './lines';
import { resourceOf } from './paths';
import { ServerClock } from './server-clock';
import { Connections, Deadline, type Query, queryString, refusalOf, request } from './transport';
import type { JsonPatchOperation, ListPage, WatchEvent } from './types';

/** What every finished request reports, for metrics. */
export interface RequestInfo {
  /** API verb: `get`, `list`, `watch`, `create`, `update`, `patch`, `apply`, `delete`. */
  verb: string;
  /** Resource and subresource, for example `deployments/scale`. */
  resource: string;
  /** HTTP status, or a NetworkErrorCode when no answer came. */
  code: number | string;
  /** From the call to the end of the answer; of a watch, to its head, and when it breaks off, to that. */
  seconds: number;
}

export interface ClientOptions {
  /** For example `hotstandby/0.1.0`. */
  userAgent: string;
  onRequest?: (info: RequestInfo) => void;
  /** Longest time of a request from the call to the end of the answer, waiting for a connection included. Default: 30,000. */
  timeoutMs?: number;
  /**
   * The same for writes. Default: 5,000, what lies between a leader's renew deadline and the end of its Lease: a write
   * still under way when the leadership is lost has ended before another process leads.
   */
  writeTimeoutMs?: number;
  /** Most connections for everything but watches, which have one each. Default: 64. */
  connections?: number;
  clock?: Clock;
}

const JSON_TYPE = 'application/json';

interface Call extends RequestOptions {
  verb: string;
  method: Dispatcher.HttpMethod;
  path: string;
  body?: unknown;
  contentType?: string;
  accept?: string;
}

/**
 * Raw JSON access to one API server over kept-alive HTTP/1.1 connections. Every write names the field manager. Nothing is
 * retried, except once after a 401 when the connection has newer credentials (a refused request was not carried out).
 */
export class ApiClient implements Api {
  readonly server: string;
  /** Namespace of the kubeconfig context, or of the operator's own Pod. */
  readonly namespace: string | undefined;
  /** The API server's own time, by its answers. */
  readonly serverClock: ServerClock;
  private readonly requests: Connections;
  /** Apart from `requests`: long-lived watches must not use up its connections. */
  private readonly watches: Connections;
  private readonly origin: string;
  private readonly basePath: string;
  private readonly clock: Clock;

  constructor(
    private readonly connection: Connection,
    private readonly options: ClientOptions,
  ) {
    const { origin, pathname } = new URL(connection.server);
    this.server = connection.server;
    this.namespace = connection.namespace;
    this.origin = origin;
    this.basePath = pathname.replace(/\/$/, '');
    this.clock = options.clock ?? systemClock;
    this.serverClock = new ServerClock(this.clock);
    this.requests = new Connections(connection, options.connections ?? 64);
    this.watches = new Connections(connection, null);
  }

  get<T>(path: string, query?: Query, options?: RequestOptions): Promise<T> {
    return this.json<T>({ ...options, verb: 'get', method: 'GET', path, query });
  }

  list<T>(path: string, query?: Query, options?: RequestOptions): Promise<ListPage<T>> {
    return this.json<ListPage<T>>({ ...options, verb: 'list', method: 'GET', path, query });
  }

  /** Reads `path` as text, for example `/readyz`. */
  text(path: string, options?: RequestOptions): Promise<string> {
    return this.send({ ...options, verb: 'get', method: 'GET', path, accept: '*/*' });
  }

  create<T>(path: string, body: unknown, options?: RequestOptions): Promise<T> {
    return this.write<T>({ ...options, verb: 'create', method: 'POST', path, body });
  }

  update<T>(path: string, body: unknown, options?: RequestOptions): Promise<T> {
    return this.write<T>({ ...options, verb: 'update', method: 'PUT', path, body });
  }

  apply<T>(path: string, body: unknown, options: RequestOptions & { force?: boolean } = {}): Promise<T> {
    const { force, query, ...rest } = options;
    return this.write<T>({
      ...rest,
      query: { ...query, force: force ? true : undefined },
      verb: 'apply',
      method: 'PATCH',
      path,
      body,
      contentType: 'application/apply-patch+yaml',
    });
  }

  mergePatch<T>(path: string, body: unknown, options?: RequestOptions): Promise<T> {
    const contentType = 'application/merge-patch+json';
    return this.write<T>({ ...options, verb: 'patch', method: 'PATCH', path, body, contentType });
  }

  jsonPatch<T>(path: string, body: JsonPatchOperation[], options?: RequestOptions): Promise<T> {
    const contentType = 'application/json-patch+json';
    return this.write<T>({ ...options, verb: 'patch', method: 'PATCH', path, body, contentType });
  }

  /** The body always travels with its length: the API server ignores one without (it then deletes unconditionally). */
  delete<T>(path: string, options: DeleteOptions = {}): Promise<T> {
    const { uid, resourceVersion, propagationPolicy, gracePeriodSeconds, dryRun: isTrial, ...rest } = options;
    const preconditions = uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
    const dryRun = isTrial ? ['All'] : undefined;
    const kind = { kind: 'DeleteOptions', apiVersion: 'v1' };
    const body = { ...kind, preconditions, propagationPolicy, gracePeriodSeconds, dryRun };
    return this.json<T>({ timeoutMs: this.writeTimeoutMs, ...rest, verb: 'delete', method: 'DELETE', path, body });
  }

  async *watch(path: string, query: Query, signal: AbortSignal, idleTimeoutMs: number): AsyncGenerator<WatchEvent> {
    const call: Call = { verb: 'watch', method: 'GET', path, query: { ...query, watch: true }, signal };
    const silence = new Deadline(this.clock, idleTimeoutMs, signal);
    const started = this.clock.monotonic();
    try {
      const response = await this.open(call, silence, this.watches);
      yield* this.events(response.body, silence);
    } catch (error) {
      throw this.failure(call, error, started, silence, `no sign of life for ${idleTimeoutMs} ms`);
    } finally {
      silence.stop();
    }
  }

  /** Ends every request (NetworkError `Closed` or `Aborted`) and closes all connections. */
  async close(): Promise<void> {
    await Promise.all([this.requests.destroy(), this.watches.destroy()]);
  }

  private async *events(body: Dispatcher.ResponseData['body'], silence: Deadline): AsyncGenerator<WatchEvent> {
    const lines = new LineSplitter();
    for await (const chunk of body) {
      silence.extend();
      for (const line of lines.push(chunk as Buffer)) {
        if (line !== '') yield this.event(line);
      }
    }
    if (lines.pendingBytes > 0) {
      throw new NetworkError('Reset', `${this.server}: the watch ended in the middle of a line`);
    }
  }

  private event(line: string): WatchEvent {
    const event = this.parse<{ type: string; object: unknown }>(line);
    if (event.type === 'ERROR') {
      const status = event.object as ApiStatus;
      throw new ApiError(status.code ?? 500, status);
    }
    return event as WatchEvent;
  }

  private get writeTimeoutMs(): number {
    return this.options.writeTimeoutMs ?? 5_000;
  }

  private write<T>(call: Call): Promise<T> {
    return this.json<T>({
      timeoutMs: this.writeTimeoutMs,
      ...call,
      query: { ...call.query, fieldManager: FIELD_MANAGER },
    });
  }

  private async json<T>(call: Call): Promise<T> {
    return this.parse<T>(await this.send(call));
  }

  private async send(call: Call): Promise<string> {
    const deadlineMs = call.timeoutMs ?? this.options.timeoutMs ?? 30_000;
    const deadline = new Deadline(this.clock, deadlineMs, call.signal);
    const started = this.clock.monotonic();
    try {
      const response = await this.open(call, deadline, this.requests);
      const text = await response.body.text();
      this.report(call, response.statusCode, started);
      return text;
    } catch (error) {
      throw this.failure(call, error, started, deadline, `no answer to ${call.method} within ${deadlineMs} ms`);
    } finally {
      deadline.stop();
    }
  }

  /** The answer's head, its body still to be read; throws ApiError unless it is 2xx. */
  private async open(call: Call, deadline: Deadline, to: Connections): Promise<Dispatcher.ResponseData> {
    const started = this.clock.monotonic();
    const response = await this.authorized(call, deadline.signal, to);
    this.serverClock.observe(dateOf(response), started, this.clock.monotonic());
    if (response.statusCode >= 200 && response.statusCode < 300) {
      if (call.verb === 'watch') this.report(call, response.statusCode, started);
      return response;
    }
    const refusal = await refusalOf(response);
    this.report(call, response.statusCode, started);
    throw refusal;
  }

  private async authorized(call: Call, signal: AbortSignal, to: Connections): Promise<Dispatcher.ResponseData> {
    const authorization = await this.connection.authorization?.();
    const dispatcher = await to.current();
    const response = await this.dispatch(call, signal, dispatcher, authorization);
    if (response.statusCode !== 401) return response;
    to.refused();
    const renewed = authorization === undefined ? undefined : await this.connection.authorization?.(authorization);
    const other = await to.current();
    const isSame = other === dispatcher && (renewed === undefined || renewed === authorization);
    if (isSame) return response;
    await response.body.dump();
    return this.dispatch(call, signal, other, renewed ?? authorization);
  }

  private dispatch(
    call: Call,
    signal: AbortSignal,
    dispatcher: Dispatcher,
    authorization: string | undefined,
  ): Promise<Dispatcher.ResponseData> {
    const headers: Record<string, string> = {
      ...this.connection.headers,
      accept: call.accept ?? JSON_TYPE,
      'user-agent': this.options.userAgent,
    };
    if (authorization !== undefined) headers.authorization = authorization;
    if (call.body !== undefined) headers['content-type'] = call.contentType ?? JSON_TYPE;
    return request(dispatcher, {
      origin: this.origin,
      path: `${this.basePath}${call.path}${queryString(call.query)}`,
      method: call.method,
      headers,
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal,
    });
  }

  private parse<T>(text: string): T {
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      const start = text.slice(0, 60).replace(/\s+/g, ' ');
      throw new NetworkError('Malformed', `${this.server}: expected JSON, got "${start}"`, { cause });
    }
  }

  /** What to throw for `error`; reports it unless `open` has. */
  private failure(call: Call, error: unknown, started: number, deadline: Deadline, timedOut: string): Error {
    if (error instanceof ApiError || error instanceof ConfigError) return error;
    const failure = this.networkError(call, error, deadline, timedOut);
    if (failure.code === 'Certificate') for (const connections of [this.requests, this.watches]) connections.refused();
    this.report(call, failure.code, started);
    return failure;
  }

  private networkError(call: Call, error: unknown, deadline: Deadline, timedOut: string): NetworkError {
    if (call.signal?.aborted) return new NetworkError('Aborted', `${this.server}: aborted`, { cause: error });
    if (deadline.expired) return new NetworkError('Timeout', `${this.server}: ${timedOut}`, { cause: error });
    return toNetworkError(error, this.server);
  }

  private report(call: Call, code: number | string, started: number): void {
    const seconds = (this.clock.monotonic() - started) / 1000;
    this.options.onRequest?.({ verb: call.verb, resource: resourceOf(call.path), code, seconds });
  }
}

function dateOf({ headers: { date } }: Dispatcher.ResponseData): string | undefined {
  return Array.isArray(date) ? date[0] : date;
}
