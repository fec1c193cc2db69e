import type { Dispatcher } from 'undici';
import { DOT_SEGMENT } from '../../src/api/schema';
import type { Connection } from '../kube/connection';
import { paths } from '../kube/paths';
import { Connections, request } from '../kube/transport';
import {
  type HttpAttempt,
  type HttpOutcome,
  type HttpQuestion,
  MAX_BODY_BYTES,
  type ProbeReason,
  type ProbeTransport,
  requestTarget,
} from './http-probe';

/** Apart from the operator's other requests: Pods that do not answer must not use up the connections of those. */
const MAX_CONNECTIONS = 128;

const dotSegment = new RegExp(DOT_SEGMENT);

/**
 * The API server writes this header on every answer of its own and of a Pod behind it. An answer without it is a load
 * balancer's, whatever its status.
 */
const AUDIT_HEADER = 'audit-id';

/** The beginning of a meta/v1 Status, which is how the API server says that it has no answer of the Pod. */
const STATUS = /^\s*\{\s*"kind"\s*:\s*"Status"/;

/**
 * Through the API server: GET .../pods/<scheme>:<name>:<port>/proxy/<path>. It connects to the address in the Pod's
 * status, drops the operator's credentials on the way, does not verify certificates, and follows no redirect. Needs `get`
 * on `pods/proxy`.
 */
export class ApiServerProxyTransport implements ProbeTransport {
  /** Made when it is first needed: hardly any operator needs it. */
  private connections: Connections | undefined;
  /** An Authorization header the API server did not accept. */
  private rejected: string | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly userAgent: string,
  ) {}

  send(question: HttpQuestion, done: (outcome: HttpOutcome) => void): HttpAttempt {
    const abort = new AbortController();
    void this.outcome(question, abort.signal).then((outcome) => {
      if (!abort.signal.aborted) done(outcome);
    });
    return { abort: () => abort.abort() };
  }

  /** Nothing is kept for a target: the connections are to the API server. */
  forget(): void {}

  close(): void {
    void this.connections?.destroy();
  }

  private async outcome(question: HttpQuestion, signal: AbortSignal): Promise<HttpOutcome> {
    const path = proxyPath(question);
    if (path === undefined) return { reason: 'LocalError' };
    try {
      return await this.ask(path, signal);
    } catch {
      return { reason: 'ProxyError' };
    }
  }

  private async ask(path: string, signal: AbortSignal): Promise<HttpOutcome> {
    const { server, headers, authorization: ask } = this.connection;
    const { origin, pathname } = new URL(server);
    const authorization = await ask?.(this.rejected);
    this.connections ??= new Connections(this.connection, MAX_CONNECTIONS);
    const response = await request(await this.connections.current(), {
      origin,
      path: `${pathname.replace(/\/$/, '')}${path}`,
      method: 'GET',
      headers: { ...headers, accept: '*/*', 'user-agent': this.userAgent, ...(authorization && { authorization }) },
      signal,
    });
    const start = await beginningOf(response.body);
    const { statusCode: status } = response;
    if (response.headers[AUDIT_HEADER] === undefined) return { reason: 'ProxyError' };
    if (!STATUS.test(start)) return { status };
    if (status === 401) this.rejected = authorization;
    return { reason: reasonOf(status) };
  }
}

function reasonOf(status: number): ProbeReason {
  return status === 401 || status === 403 ? 'Forbidden' : 'ProxyError';
}

/** undefined: the path could be taken for another one of the API server. */
function proxyPath({ scheme, namespace, name, port, path }: HttpQuestion): string | undefined {
  const target = requestTarget(path);
  const [segments = ''] = target.split('?', 1);
  if (name === '' || dotSegment.test(segments)) return undefined;
  return `${paths.pods.one(namespace, `${scheme.toLowerCase()}:${name}:${port}`, 'proxy')}${target}`;
}

/** As much of a body as is read of any probe's; the connection ends with the rest. */
async function beginningOf(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let read = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    read += chunk.length;
    if (read > MAX_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).toString('latin1');
}
