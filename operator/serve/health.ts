import { HttpError, type HttpReply, textReply } from './http';
import { Router, route } from './router';
import { HttpServer } from './server';

/** undefined while all is well, else one line saying what is not. */
export type Check = () => string | undefined;

export interface HealthOptions {
  /** Address to listen on; empty: all of them, IPv4 and IPv6. */
  host: string;
  /** 0: any free port. */
  port: number;
  /** Take any free port when that one is in use. */
  orAnyPort?: boolean;
  /** /healthz: checks that a restart would mend. Keys name them. */
  live: Readonly<Record<string, Check>>;
  /** /readyz: checks that time would mend. */
  ready: Readonly<Record<string, Check>>;
  /** /metrics. */
  metrics: { readonly contentType: string; text(): Promise<string> };
}

/** A liveness check: fails when what `ageMs` measures (time without progress, silence of a watch) is older than `limitMs`. */
export function olderThan(what: string, ageMs: () => number, limitMs: number): Check {
  return () => {
    const age = ageMs();
    if (age <= limitMs) return undefined;
    return `${what} for ${Math.round(age / 1000)} s (limit ${Math.round(limitMs / 1000)} s)`;
  };
}

/** All checks, one line each, as kube-apiserver's own /readyz?verbose writes them. A check that throws has failed. */
function runChecks(checks: Readonly<Record<string, Check>>): HttpReply {
  const failures = Object.entries(checks).map(([name, check]) => [name, failureOf(check)] as const);
  const failed = failures.some(([, failure]) => failure !== undefined);
  const lines = failures.map(([name, failure]) =>
    failure === undefined ? `[+]${name} ok` : `[-]${name} failed: ${failure}`,
  );
  return textReply(failed ? 503 : 200, `${[...lines, failed ? 'failed' : 'ok'].join('\n')}\n`);
}

function failureOf(check: Check): string | undefined {
  try {
    return check();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Serves /healthz, /readyz and /metrics. @throws AddressError when the address cannot be had */
export function startHealthServer({ host, port, orAnyPort, live, ready, metrics }: HealthOptions): Promise<HttpServer> {
  const routes = [
    route('GET', '/healthz', () => runChecks(live)),
    route('GET', '/readyz', () => runChecks(ready)),
    route('GET', '/metrics', async () => textReply(200, await metrics.text(), metrics.contentType)),
  ];
  return HttpServer.start({
    host,
    port,
    orAnyPort,
    what: 'health and metrics',
    flag: '--health-address',
    router: new Router(routes, ': try /healthz, /readyz or /metrics'),
    fail,
  });
}

function fail(error: unknown): HttpReply {
  const { status, headers } = error instanceof HttpError ? error : { status: 500, headers: {} };
  const message = error instanceof Error ? error.message : String(error);
  const reply = textReply(status, `${message}\n`);
  return { ...reply, headers: { ...reply.headers, ...headers } };
}
