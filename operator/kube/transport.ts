import { createSecureContext } from 'node:tls';
import type { Dispatcher } from 'undici';
import type { Clock, Timer } from './clock';
import type { Connection } from './connection';
import { Deferred } from './deferred';
import { ApiError, type ApiStatus } from './errors';
import { dispatch, Pool, proxyAgent } from './undici';

/** Plumbing between ApiClient and undici. */

/** Query parameters; undefined ones are left out. */
export type Query = Record<string, string | number | boolean | undefined>;

/** The API server closes connections idle for 90 s: stay below, or a request meets a closing one. */
const KEEP_ALIVE_MS = 60_000;

/**
 * A peer that is gone without a word is noticed 10 s later (libuv asks ten times, a second apart). Far below the 60 s
 * after which load balancers forget idle connections, too.
 */
const TCP_KEEP_ALIVE_MS = 5_000;

/**
 * A keep-alive pool of HTTP/1.1 connections to the server (HTTP/2 would put every request and watch behind one
 * connection's flow control). undici's own timeouts are off: `Deadline` covers a request as a whole.
 */
function dispatcherFor({ server, tls, proxyUrl }: Connection, connections: number | null): Dispatcher {
  const settings = {
    connections,
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  const tcp = { keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS };
  const connect = { ...sharedTls(server, tls), ...tcp };
  if (proxyUrl === undefined) return new Pool(new URL(server).origin, { ...settings, connect });
  return proxyAgent({ ...settings, uri: proxyUrl, requestTls: { ...connect, allowH2: false } });
}

/** Connections to one API server: new ones with new certificates, as soon as there are any. */
export class Connections {
  private dispatcher: Dispatcher;
  private tls: Connection['tls'];
  /** They have old certificates: what runs over them (watches) ends by itself. */
  private readonly retired = new Set<Dispatcher>();
  private isRefused = false;

  /** @param most most connections; null: no limit */
  constructor(
    private readonly connection: Connection,
    private readonly most: number | null,
  ) {
    this.tls = connection.tls;
    this.dispatcher = dispatcherFor(connection, most);
  }

  /** What the next request is sent by. */
  async current(): Promise<Dispatcher> {
    const { connection, isRefused } = this;
    if (connection.currentTls === undefined) return this.dispatcher;
    this.isRefused = false;
    const tls = await connection.currentTls(isRefused);
    if (tls === this.tls) return this.dispatcher;
    this.tls = tls;
    this.retire(this.dispatcher);
    this.dispatcher = dispatcherFor({ ...connection, tls }, this.most);
    return this.dispatcher;
  }

  /** Certificates were refused, by the server or by us: newer ones are looked for before the next request. */
  refused(): void {
    this.isRefused = true;
  }

  /** Ends everything. */
  async destroy(): Promise<void> {
    await Promise.all([this.dispatcher, ...this.retired].map((dispatcher) => dispatcher.destroy()));
  }

  private retire(dispatcher: Dispatcher): void {
    this.retired.add(dispatcher);
    const forget = (): boolean => this.retired.delete(dispatcher);
    dispatcher.close().then(forget, forget);
  }
}

/** Certificates parsed once: a connection that is given PEM text parses it anew, 0.3 ms and 100 KB each. */
function sharedTls(server: string, { ca, cert, key, ...rest }: Connection['tls']): object {
  return server.startsWith('https:') ? { ...rest, secureContext: createSecureContext({ ca, cert, key }) } : rest;
}

/** `?a=b&c=d`, encoded; empty without parameters. */
export function queryString(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.append(name, String(value));
  }
  const encoded = parameters.toString();
  return encoded === '' ? '' : `?${encoded}`;
}

/** The refusal in a non-2xx answer; consumes its body. */
export async function refusalOf(response: Dispatcher.ResponseData): Promise<ApiError> {
  const text = await response.body.text();
  const retryAfter = Number(response.headers['retry-after']);
  const retryAfterMs = retryAfter > 0 ? retryAfter * 1000 : undefined;
  return new ApiError(response.statusCode, statusOf(text, response.statusCode), retryAfterMs);
}

/** Proxies and load balancers answer in HTML or plain text: then the beginning of it is the message. */
function statusOf(text: string, code: number): ApiStatus {
  try {
    const status = JSON.parse(text) as ApiStatus | null;
    if (typeof status === 'object' && typeof status?.message === 'string') return status;
  } catch {
    // not JSON
  }
  const start = text.replace(/\s+/g, ' ').trim().slice(0, 200);
  return start === '' ? {} : { message: `the server answered HTTP ${code}: ${start}` };
}

/**
 * Sends a request. Rejects as soon as `options.signal` aborts: undici by itself looks at the signal of a request that waits
 * for a connection only when its turn has come (and then does not send it).
 */
export async function request(
  dispatcher: Dispatcher,
  options: Dispatcher.RequestOptions & { signal: AbortSignal },
): Promise<Dispatcher.ResponseData> {
  const { signal } = options;
  signal.throwIfAborted();
  const aborted = new Deferred<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([dispatch(dispatcher, options), aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Aborts `signal` when the time since the last `extend()` exceeds `limitMs`, or with the caller's signal. */
export class Deadline {
  expired = false;
  private readonly controller = new AbortController();
  private readonly abort = (): void => this.controller.abort();
  private extendedAt: number;
  private timer: Timer;

  constructor(
    private readonly clock: Clock,
    private readonly limitMs: number,
    private readonly caller?: AbortSignal,
  ) {
    this.extendedAt = clock.monotonic();
    this.timer = this.arm(limitMs);
    if (caller?.aborted) this.abort();
    caller?.addEventListener('abort', this.abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The time starts anew. Costs no timer: the running one finds out when it fires. */
  extend(): void {
    this.extendedAt = this.clock.monotonic();
  }

  /** Releases the timer and the caller's signal; must be called. */
  stop(): void {
    this.timer.cancel();
    this.caller?.removeEventListener('abort', this.abort);
  }

  private arm(delayMs: number): Timer {
    return this.clock.setTimeout(() => {
      const leftMs = this.extendedAt + this.limitMs - this.clock.monotonic();
      if (leftMs > 0) {
        this.timer = this.arm(leftMs);
      } else {
        this.expired = true;
        this.abort();
      }
    }, delayMs);
  }
}
