import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { HttpError, type HttpReply } from './http';
import type { Match, Router } from './router';

export interface ServerOptions {
  /** Address to listen on; empty: all of them, IPv4 and IPv6. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Take any free port when that one is in use [false]. */
  readonly orAnyPort?: boolean;
  /** What is served, for the message when the address cannot be had: "health and metrics". */
  readonly what: string;
  /** The option that chooses another address: "--health-address". */
  readonly flag: string;
  readonly router: Router;
  /** The reply to whatever is thrown; anything but an HttpError is a fault of the handler's. */
  readonly fail: (error: unknown) => HttpReply;
  /** HTTPS with this certificate and key; undefined: plain HTTP. */
  readonly tls?: Certificate;
  readonly limits?: Partial<Limits>;
}

/** A certificate with its key, as PEM. */
export type Certificate = Pick<SecureContextOptions, 'cert' | 'key'>;

export interface Limits {
  /** Request line and headers, in bytes [16,384]: 431 above. */
  readonly headerBytes: number;
  /** A body, in bytes [65,536]: 413 above. */
  readonly bodyBytes: number;
  /** A TLS handshake, the headers, and the whole request have this long each [10,000]: 408 or cut after. */
  readonly requestMs: number;
  /** A connection without a request is closed after this [5,000]. */
  readonly idleMs: number;
  /** A caller who takes nothing of its reply is cut off after this [30,000]. */
  readonly sendMs: number;
  /** Open connections [no limit]; more are closed as they come. */
  readonly connections?: number;
}

const LIMITS: Limits = { headerBytes: 16_384, bodyBytes: 65_536, requestMs: 10_000, idleMs: 5_000, sendMs: 30_000 };
/** How often Node looks for connections past their time; its own 30 s would make every limit up to 30 s longer. */
const CHECK_MS = 1_000;
/** A caller that is gone without a word is noticed by the kernel: after this, then ten times at a second each. */
const KEEP_ALIVE_MS = 10_000;
/** Requests sent ahead on one connection; no client in use sends any, and each may wait for minutes. */
const PIPELINED = 8;
/** Of a body nobody wants so much is read and thrown away, so that the caller sees its reply instead of a reset. */
const LINGER_BYTES = 1_048_576;

/** An address cannot be listened on. One line, for people. */
export class AddressError extends Error {
  readonly exitCode = 1;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AddressError';
  }
}

/** An HTTP or HTTPS server over a router: every request, connection and reply is bounded in size and time. */
export class HttpServer {
  private readonly server: Server | TlsServer;
  private readonly limits: Limits;
  private readonly waiting = new WeakMap<Socket, number>();
  private closing = false;
  private address: AddressInfo | undefined;

  private constructor(private readonly options: ServerOptions) {
    this.limits = { ...LIMITS, ...options.limits };
    const { headerBytes, requestMs, idleMs, connections } = this.limits;
    const common = {
      maxHeaderSize: headerBytes,
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, requestMs),
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    };
    this.server =
      options.tls === undefined
        ? createServer(common)
        : createTlsServer({ ...common, ...options.tls, minVersion: 'TLSv1.2', handshakeTimeout: requestMs });
    if (connections !== undefined) this.server.maxConnections = connections;
    this.server.on('request', (request, response) => this.serve(request, response));
    // The caller waits for a word before it sends its body: it gets that when the handler asks for the body.
    this.server.on('checkContinue', (request, response) =>
      this.serve(request, response, () => response.writeContinue()),
    );
  }

  /** Listens. @throws AddressError when the address cannot be had */
  static async start(options: ServerOptions): Promise<HttpServer> {
    const started = new HttpServer(options);
    started.address = await started.listenSomewhere();
    return started;
  }

  get host(): string {
    return this.address?.address ?? this.options.host;
  }

  get port(): number {
    return this.address?.port ?? this.options.port;
  }

  /** New connections get this certificate; open ones keep theirs. */
  setCertificate(certificate: Certificate): void {
    if ('setSecureContext' in this.server) this.server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' });
  }

  /** Stops listening, lets requests under way end for `graceMs` (the last reply closes its connection), then cuts them. */
  async close(graceMs = 0): Promise<void> {
    this.closing = true;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    const cut = setTimeout(() => this.server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cut);
  }

  private async listenSomewhere(): Promise<AddressInfo> {
    const { port, orAnyPort } = this.options;
    try {
      return await this.listen(port);
    } catch (error) {
      const cause = error as NodeJS.ErrnoException;
      if (!orAnyPort || cause.code !== 'EADDRINUSE') throw addressError(cause, this.options);
      return await this.listen(0);
    }
  }

  private listen(port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      // Without a host Node listens on :: for both families, or on 0.0.0.0 where there is no IPv6.
      this.server.listen({ port, host: this.options.host || undefined }, () => {
        this.server.off('error', reject);
        resolve(this.server.address() as AddressInfo);
      });
    });
  }

  private serve(request: IncomingMessage, response: ServerResponse, accept = () => {}): void {
    const { socket } = request;
    const waiting = (this.waiting.get(socket) ?? 0) + 1;
    if (waiting > PIPELINED) {
      socket.destroy();
      return;
    }
    this.waiting.set(socket, waiting);
    response.once('close', () => this.waiting.set(socket, (this.waiting.get(socket) ?? 1) - 1));
    // `answer` catches what handlers throw; what is thrown here is thrown by `fail` or by writing.
    this.answer(request, response, accept).catch(() => socket.destroy());
  }

  private async answer(request: IncomingMessage, response: ServerResponse, accept: () => void): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new Error('the caller has hung up'));
    });
    const reply = await this.reply(request, gone.signal, accept);
    if (gone.signal.aborted) reply.settled?.(false);
    else this.send(request, response, reply);
  }

  private async reply(request: IncomingMessage, signal: AbortSignal, accept: () => void): Promise<HttpReply> {
    const { method = '', url = '', headers, socket } = request;
    const { router, fail } = this.options;
    try {
      const { handle, parameters, query }: Match = router.find(method, url);
      const body = (): Promise<Buffer> => readBody(request, this.limits.bodyBytes, accept);
      return await handle({
        method,
        parameters,
        query,
        headers,
        remoteAddress: socket.remoteAddress,
        signal,
        body,
      });
    } catch (error) {
      return fail(error);
    }
  }

  private send(
    request: IncomingMessage,
    response: ServerResponse,
    { status, headers, body, settled }: HttpReply,
  ): void {
    const stalled = setTimeout(() => response.destroy(), this.limits.sendMs);
    response.once('close', () => {
      clearTimeout(stalled);
      settled?.(response.writableFinished);
    });
    discardRest(request);
    const close = this.closing || isTooLarge(request, this.limits.bodyBytes);
    response
      .writeHead(status, {
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
        ...(close && { connection: 'close' }),
        ...headers,
      })
      .end(request.method === 'HEAD' ? undefined : body);
  }
}

function isTooLarge(request: IncomingMessage, limit: number): boolean {
  return Number(request.headers['content-length'] ?? 0) > limit;
}

async function readBody(request: IncomingMessage, limit: number, accept: () => void): Promise<Buffer> {
  if (isTooLarge(request, limit)) throw tooLarge(limit);
  accept();
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // A body that is left in the middle would be destroyed with its connection, and the reply with it.
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new HttpError(400, 'the body broke off', {}, { cause });
  }
  if (length > limit) throw tooLarge(limit);
  return Buffer.concat(chunks);
}

function tooLarge(limit: number): HttpError {
  return new HttpError(413, `the body is larger than ${limit} bytes`);
}

function discardRest(request: IncomingMessage): void {
  if (request.readableEnded) return;
  let left = LINGER_BYTES;
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.destroy();
  });
}

function addressError(error: NodeJS.ErrnoException, { host, port, what, flag }: ServerOptions): AddressError {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is in use',
    EACCES: 'no permission to use this port',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'this host name is unknown',
  };
  const reason = why[error.code ?? ''] ?? error.message;
  const message = `cannot serve ${what} on ${address}: ${reason}; choose another one with ${flag} HOST:PORT (port 0: any free one)`;
  return new AddressError(message, { cause: error });
}
