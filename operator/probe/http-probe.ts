import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { limitAnswer } from './http-budget';
import { TargetConnection, TargetConnections } from './http-connections';

/** Bytes of an answer's body that are read before the rest is cut off, as the kubelet does. */
export const MAX_BODY_BYTES = 10 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * Why a probe got no valid HTTP answer. The list is closed: nothing that a Pod answers ever reaches status, Events,
 * metric labels or logs by another way.
 */
export type ProbeReason =
  | 'Timeout'
  | 'Refused'
  | 'Reset'
  | 'Unreachable'
  | 'Malformed'
  /** Headers above 16 KiB, or too many interim answers or pieces before them. A long body is no failure: it is cut. */
  | 'TooLarge'
  /** The TLS handshake failed: plain HTTP is served there, or no common version. Certificates are not verified. */
  | 'TlsError'
  /** The operator's own side: out of sockets or ports. */
  | 'LocalError'
  /** An address no Pod can have: loopback, link-local, multicast, metadata services. Never connected to. */
  | 'BadAddress'
  /** The Pod uses its node's network: the address would be the node's. Never connected to. */
  | 'HostNetwork'
  /** Another Pod claims the same address, so an answer could be either's. */
  | 'SharedAddress'
  /** The API server does not let the operator `get` `pods/proxy`. */
  | 'Forbidden'
  /** The API server, or something before it, answered instead of the Pod. */
  | 'ProxyError';

/** What one Pod at one address is asked. The object itself stands for that Pod: a connection is kept by it. */
export interface HttpQuestion {
  readonly scheme: 'HTTP' | 'HTTPS';
  /** Literal IPv4 or IPv6 address, no brackets. */
  readonly ip: string;
  readonly port: number;
  readonly path: string;
  /** Of the Pod, for the way through the API server. */
  readonly namespace: string;
  readonly name: string;
}

/** `status` of a complete answer, or the reason why there is none. */
export type HttpOutcome = { readonly status: number } | { readonly reason: ProbeReason };

/** A probe under way. */
export interface HttpAttempt {
  /** Drops the connection; `done` is not called any more. */
  abort(): void;
}

/** A way to the Pods. */
export interface ProbeTransport {
  /**
   * Sends one GET and calls `done` exactly once, unless aborted first. Follows no redirect. Has no deadline of its own:
   * the caller aborts.
   */
  send(question: HttpQuestion, done: (outcome: HttpOutcome) => void): HttpAttempt;
  /** The Pod is gone, or at another address, or asked otherwise: nothing kept for this target is used again. */
  forget(question: HttpQuestion): void;
  /** Closes what is open. */
  close(): void;
}

const REASON_BY_CODE: Readonly<Record<string, ProbeReason>> = {
  ECONNREFUSED: 'Refused',
  ECONNRESET: 'Reset',
  ECONNABORTED: 'Reset',
  EPIPE: 'Reset',
  ETIMEDOUT: 'Timeout',
  EHOSTUNREACH: 'Unreachable',
  EHOSTDOWN: 'Unreachable',
  ENETUNREACH: 'Unreachable',
  EACCES: 'Unreachable',
  EPERM: 'Unreachable',
  HPE_HEADER_OVERFLOW: 'TooLarge',
};

function reasonOf(error: Error & { code?: string }): ProbeReason {
  const code = error.code ?? '';
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return 'TlsError';
  return REASON_BY_CODE[code] ?? (code.startsWith('HPE_') ? 'Malformed' : 'LocalError');
}

/** `path` as a request target: never a fragment, a space, a line break or a byte beyond ASCII, whatever the CRD let through. */
export function requestTarget(path: string): string {
  const [target = ''] = path.toWellFormed().split('#', 1);
  return target.replace(/[^\x21-\x7e]/gu, encodeURIComponent);
}

function readAnswer(response: IncomingMessage, settle: (outcome: HttpOutcome) => void): void {
  const status = response.statusCode ?? 0;
  const outcome: HttpOutcome = status >= 200 ? { status } : { reason: 'Malformed' };
  let read = 0;
  response.on('data', (chunk: Buffer) => {
    read += chunk.length;
    if (read > MAX_BODY_BYTES) {
      settle(outcome);
      response.destroy();
    }
  });
  response.on('end', () => settle(response.complete ? outcome : { reason: 'Reset' }));
  response.on('error', (error) => settle({ reason: reasonOf(error) }));
}

/**
 * Straight to the Pod's address: no credentials, no proxy. A connection is kept for the next probe of the same target
 * while the app allows it: a probe costs 170 us of CPU over a new connection and 125 us over a kept one (2 shared cores,
 * 10,000 targets every 10 s). undici costs more: it builds a pool for each origin.
 */
export class PodIpTransport implements ProbeTransport {
  private readonly connections: TargetConnections;
  private readonly byQuestion = new WeakMap<HttpQuestion, TargetConnection>();

  /** @param mostIdle connections kept at the same time. Default: half of the files the process may open, at most 16,384. */
  constructor(mostIdle?: number) {
    this.connections = new TargetConnections(mostIdle);
  }

  send(question: HttpQuestion, done: (outcome: HttpOutcome) => void): HttpAttempt {
    const connection = this.byQuestion.get(question) ?? new TargetConnection();
    this.byQuestion.set(question, connection);
    return new PodIpAttempt(this.connections, connection, question, done);
  }

  forget(question: HttpQuestion): void {
    const connection = this.byQuestion.get(question);
    if (connection) this.connections.drop(connection);
  }

  close(): void {
    this.connections.close();
  }
}

class PodIpAttempt implements HttpAttempt {
  private open = true;
  private request: ClientRequest | undefined;

  constructor(
    private readonly connections: TargetConnections,
    private readonly connection: TargetConnection,
    private readonly question: HttpQuestion,
    private readonly done: (outcome: HttpOutcome) => void,
  ) {
    this.send(connections.take(connection));
  }

  abort(): void {
    this.open = false;
    this.request?.destroy();
  }

  private send(keep: boolean): void {
    const probe = this.newRequest(keep);
    this.request = probe;
    if (!probe) {
      setImmediate(() => this.settle({ reason: 'LocalError' }));
      return;
    }
    let status: number | undefined;
    const failed = (reason: ProbeReason): void => {
      // The app closed a kept connection in the very moment it was used: that says nothing about the app.
      if (this.open && probe === this.request && probe.reusedSocket && status === undefined && reason === 'Reset')
        this.send(false);
      else if (probe === this.request) this.settle({ reason });
    };
    probe.on('response', (response) => {
      status = response.statusCode;
      readAnswer(response, (outcome) => this.settle(outcome));
    });
    limitAnswer(probe, () => {
      this.settle(status === undefined ? { reason: 'TooLarge' } : { status });
      probe.destroy();
    });
    probe.on('error', (error) => failed(reasonOf(error)));
    // An unasked-for 101 closes the socket without any other event.
    probe.on('close', () => failed('Reset'));
    probe.end();
  }

  /** undefined when Node refuses the question itself: a port beyond 65535 that an older CRD let through. */
  private newRequest(keep: boolean): ClientRequest | undefined {
    const { scheme, ip, port, path } = this.question;
    const options = {
      connection: this.connection,
      host: ip,
      port,
      path: requestTarget(path),
      headers: { 'user-agent': 'hotstandby-probe', accept: '*/*', connection: keep ? 'keep-alive' : 'close' },
      maxHeaderSize: MAX_HEADER_BYTES,
    };
    try {
      return scheme === 'HTTPS'
        ? secureRequest({ ...options, ...this.connections.tls, agent: this.connections.https })
        : request({ ...options, agent: this.connections.http });
    } catch {
      return undefined;
    }
  }

  private settle(outcome: HttpOutcome): void {
    if (!this.open) return;
    this.open = false;
    this.done(outcome);
  }
}
