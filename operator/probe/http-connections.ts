import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { createSecureContext, DEFAULT_CIPHERS, type SecureContext } from 'node:tls';

/** An idle connection is given up after this: NATs and firewalls begin to forget theirs after some minutes. */
const MAX_IDLE_MS = 65_000;
/** They cost 3 KB of heap each, beside the kernel's part. */
const MAX_IDLE = 16_384;
/** POSIX's least, where the limit cannot be read. */
const FEW_FILES = 1024;

let names = 0;

/** The connection to one target, between its probes. */
export class TargetConnection {
  readonly name = String(++names);
  /** It is open and waits for the next probe, as far as is known. */
  isIdle = false;
  /** The app closes it before the next probe comes: not worth keeping. */
  isShort = false;
  /** The target is no more. */
  isGone = false;
}

/** Half of what the process may open is left to everything else: probes under way, watches, requests to the API server. */
function mostIdle(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return Math.min(MAX_IDLE, Math.floor(Number(soft ?? FEW_FILES) / 2));
  } catch {
    return FEW_FILES / 2;
  }
}

/**
 * Connections to Pods, kept by target: one that was opened for a Pod at an address serves that Pod alone, whoever gets
 * the address later. An app that closes its idle connections before the next probe comes is asked over a new one each
 * time, as if none had ever been kept.
 */
export class TargetConnections {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  private readonly targets = new WeakMap<Duplex, TargetConnection>();
  private idle = 0;
  private context: SecureContext | undefined;

  /** @param most idle connections kept at the same time */
  constructor(private readonly most = mostIdle()) {
    const settings = { keepAlive: true, maxFreeSockets: 1, timeout: MAX_IDLE_MS };
    this.http = this.byTarget(new HttpAgent(settings));
    this.https = this.byTarget(new HttpsAgent({ ...settings, maxCachedSessions: 0 }));
  }

  /**
   * TLS as the kubelet's probes speak it: whoever can answer at the address is believed, so the certificate is not
   * verified. One context for all connections: making one costs 1 ms. A handshake is dear, so there is one a connection,
   * and no Diffie-Hellman over a prime the Pod chooses.
   */
  get tls(): { secureContext: SecureContext; rejectUnauthorized: false } {
    this.context ??= createSecureContext({
      ciphers: `${DEFAULT_CIPHERS}:!kDHE`,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    });
    return { secureContext: this.context, rejectUnauthorized: false };
  }

  /** Whether the next probe should ask the app to keep the connection. */
  take(target: TargetConnection): boolean {
    if (target.isIdle) {
      const isOpen = [this.http, this.https].some(({ freeSockets }) => freeSockets[target.name] !== undefined);
      this.leave(target);
      target.isShort = !isOpen;
    }
    return !target.isShort;
  }

  /** Closes what was kept for `target`, now and for ever. */
  drop(target: TargetConnection): void {
    target.isGone = true;
    if (!target.isIdle) return;
    this.leave(target);
    for (const { freeSockets } of [this.http, this.https]) {
      for (const socket of freeSockets[target.name] ?? []) socket.destroy();
    }
  }

  close(): void {
    this.http.destroy();
    this.https.destroy();
  }

  private leave(target: TargetConnection): void {
    target.isIdle = false;
    this.idle--;
  }

  private byTarget<A extends HttpAgent>(agent: A): A {
    const targetOf = (options?: object): TargetConnection | undefined =>
      (options as { connection?: TargetConnection } | undefined)?.connection;
    agent.getName = (options) => targetOf(options)?.name ?? '';
    const connect = agent.createConnection.bind(agent);
    agent.createConnection = (options, callback) => {
      const socket = connect(options, callback);
      const target = targetOf(options);
      if (socket && target) this.targets.set(socket, target);
      return socket;
    };
    const keep = agent.keepSocketAlive.bind(agent) as (socket: Duplex) => boolean;
    agent.keepSocketAlive = (socket): boolean => {
      const target = this.targets.get(socket);
      if (!target || target.isGone || target.isIdle || this.idle >= this.most || !keep(socket)) return false;
      target.isIdle = true;
      this.idle++;
      return true;
    };
    return agent;
  }
}
