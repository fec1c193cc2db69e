import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';

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
  /** Headers above 16 KiB. A long body is no failure: it is cut. */
  | 'TooLarge'
  /** The operator's own side: out of sockets or ports. */
  | 'LocalError'
  /** An address no Pod can have: loopback, link-local, multicast, metadata services. Never connected to. */
  | 'BadAddress'
  /** The Pod uses its node's network: the address would be the node's. Never connected to. */
  | 'HostNetwork'
  /** Another Pod claims the same address, so an answer could be either's. */
  | 'SharedAddress';

export interface HttpQuestion {
  /** Literal IPv4 or IPv6 address, no brackets. */
  readonly ip: string;
  readonly port: number;
  readonly path: string;
}

/** `status` of a complete answer, or the reason why there is none. */
export type HttpOutcome = { readonly status: number } | { readonly reason: ProbeReason };

/** A probe under way. */
export interface HttpAttempt {
  /** Drops the connection; `done` is not called any more. */
  abort(): void;
}

/**
 * One connection per probe: keep-alive would hold 10,000 sockets open and hide an app that no longer accepts.
 * node:http costs 120 us of CPU per probe (2 shared cores, 2,000 addresses), undici 200 us: it builds a pool for each origin.
 */
const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });

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

/** undefined when Node refuses the question itself: a port beyond 65535 that an older CRD let through. */
function newRequest(question: HttpQuestion): ClientRequest | undefined {
  try {
    return request({
      agent,
      host: question.ip,
      port: question.port,
      path: requestTarget(question.path),
      headers: { 'user-agent': 'hotstandby-probe', accept: '*/*' },
      maxHeaderSize: MAX_HEADER_BYTES,
    });
  } catch {
    return undefined;
  }
}

/**
 * Sends one GET and calls `done` exactly once, unless aborted first. Follows no redirect, sends no credentials, uses no
 * proxy. Has no deadline of its own: the caller aborts.
 */
export function sendProbe(question: HttpQuestion, done: (outcome: HttpOutcome) => void): HttpAttempt {
  let open = true;
  const settle = (outcome: HttpOutcome): void => {
    if (!open) return;
    open = false;
    done(outcome);
  };
  const abort = (): void => {
    open = false;
    probe?.destroy();
  };
  const probe = newRequest(question);
  if (!probe) {
    setImmediate(settle, { reason: 'LocalError' });
    return { abort };
  }
  probe.on('response', (response) => readAnswer(response, settle));
  probe.on('error', (error) => settle({ reason: reasonOf(error) }));
  // An unasked-for 101 closes the socket without any other event.
  probe.on('close', () => settle({ reason: 'Reset' }));
  probe.end();
  return { abort };
}
