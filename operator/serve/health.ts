import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** undefined while all is well, else one line saying what is not. */
export type Check = () => string | undefined;

export interface HealthOptions {
  /** Address to listen on; empty: all of them, IPv4 and IPv6. */
  host: string;
  /** 0: any free port. */
  port: number;
  /** /healthz: checks that a restart would mend. Keys name them. */
  live: Readonly<Record<string, Check>>;
  /** /readyz: checks that time would mend. */
  ready: Readonly<Record<string, Check>>;
  /** /metrics. */
  metrics: { readonly contentType: string; text(): Promise<string> };
}

export interface HealthServer {
  /** Where it listens. */
  readonly host: string;
  readonly port: number;
  /** Stops listening and ends open connections. */
  close(): Promise<void>;
}

/** The health address cannot be listened on. */
export class HealthAddressError extends Error {
  readonly exitCode = 1;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HealthAddressError';
  }
}

interface Reply {
  status: number;
  contentType: string;
  body: string;
}

const TEXT = 'text/plain; charset=utf-8';
/** Probes and scrapers send a line or two; whoever is slower than this is neither. */
const REQUEST_TIMEOUT_MS = 10_000;

/** A liveness check: fails when what `ageMs` measures (the oldest queued key, the last turn of a loop) is older than `limitMs`. */
export function olderThan(what: string, ageMs: () => number, limitMs: number): Check {
  return () => {
    const age = ageMs();
    if (age <= limitMs) return undefined;
    return `${what} for ${Math.round(age / 1000)} s (limit ${Math.round(limitMs / 1000)} s)`;
  };
}

/** All checks, one line each, as kube-apiserver's own /readyz?verbose writes them. A check that throws has failed. */
function runChecks(checks: Readonly<Record<string, Check>>): Reply {
  const failures = Object.entries(checks).map(([name, check]) => [name, failureOf(check)] as const);
  const failed = failures.some(([, failure]) => failure !== undefined);
  const lines = failures.map(([name, failure]) =>
    failure === undefined ? `[+]${name} ok` : `[-]${name} failed: ${failure}`,
  );
  return {
    status: failed ? 503 : 200,
    contentType: TEXT,
    body: `${[...lines, failed ? 'failed' : 'ok'].join('\n')}\n`,
  };
}

function failureOf(check: Check): string | undefined {
  try {
    return check();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function reply(path: string, options: HealthOptions): Promise<Reply> {
  switch (path) {
    case '/healthz':
      return runChecks(options.live);
    case '/readyz':
      return runChecks(options.ready);
    case '/metrics':
      return { status: 200, contentType: options.metrics.contentType, body: await options.metrics.text() };
    default:
      return { status: 404, contentType: TEXT, body: 'not found: try /healthz, /readyz or /metrics\n' };
  }
}

async function handle(request: IncomingMessage, response: ServerResponse, options: HealthOptions): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const [path = ''] = (request.url ?? '').split('?', 1);
  const { status, contentType, body } = await reply(path, options);
  response
    .writeHead(status, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    .end(request.method === 'HEAD' ? undefined : body);
}

/** The one line a person needs when listening fails. */
function listenError(error: NodeJS.ErrnoException, { host, port }: HealthOptions): HealthAddressError {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const help = 'choose another one with --health-address HOST:PORT (port 0: any free one)';
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is in use',
    EACCES: 'no permission to use this port',
    EADDRNOTAVAIL: 'this machine has no such address',
    ENOTFOUND: 'this host name is unknown',
  };
  const message = `cannot serve health and metrics on ${address}: ${why[error.code ?? ''] ?? error.message}; ${help}`;
  return new HealthAddressError(message, { cause: error });
}

function listen(server: Server, options: HealthOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, options)));
    // Without a host Node listens on :: for both families, or on 0.0.0.0 where there is no IPv6.
    server.listen({ port: options.port, host: options.host || undefined }, () =>
      resolve(server.address() as AddressInfo),
    );
  });
}

/** Serves /healthz, /readyz and /metrics. Rejects with HealthAddressError when the address cannot be had. */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    handle(request, response, options).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (!response.headersSent) response.writeHead(500, { 'content-type': TEXT });
      response.end(`${message}\n`);
    });
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = REQUEST_TIMEOUT_MS;
  const { address, port } = await listen(server, options);
  return {
    host: address,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
