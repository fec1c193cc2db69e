import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { parse, stringify } from 'yaml';
import { resourceOf } from '../../../operator/kube/paths';
import { runInfo } from './run-info';

/** A write that came this way and what the API server said to it. */
export interface PassedWrite {
  /** By performance.now(), when it left for the API server. */
  atMs: number;
  /** Method, resource and subresource, as `PATCH deployments/scale`. */
  what: string;
  /** 0 while there is no answer. */
  status: number;
}

/** `hangs`: a cable is cut, connections stay and nothing passes. `refuses`: nobody listens any more. */
export type Cut = 'hangs' | 'refuses';

/** The network between one operator and the API server: keeps its writes, and can be cut and mended. */
export class Gate {
  readonly writes: PassedWrite[] = [];
  private readonly server: Server;
  private readonly agent = new Agent({ ca: runInfo().connection.tls.ca, keepAlive: true });
  private readonly target = runInfo().connection.server;
  /** What waits for the cable to be mended; undefined: it is whole. */
  private held: (() => void)[] | undefined;
  private readonly streams = new Set<{ stop(): void; start(): void }>();
  private port = 0;

  constructor() {
    this.server = createServer((incoming, outgoing) => {
      const pass = (): void => this.pass(incoming, outgoing);
      if (this.held) this.held.push(pass);
      else pass();
    });
  }

  /** Resolves with a kubeconfig like `kubeconfig` that leads here. */
  async open(kubeconfig: string): Promise<string> {
    await this.listen();
    const config = parse(readFileSync(kubeconfig, 'utf8')) as { clusters: { cluster: object }[] };
    const [entry] = config.clusters;
    if (entry) entry.cluster = { server: `http://127.0.0.1:${this.port}` };
    const path = `${runInfo().dir}/gate-${this.port}.kubeconfig`;
    writeFileSync(path, stringify(config), { mode: 0o600 });
    return path;
  }

  async cut(how: Cut): Promise<void> {
    if (how === 'refuses') return this.unlisten();
    this.held ??= [];
    for (const stream of this.streams) stream.stop();
  }

  /** Everything passes again; what was held back is delivered, late. */
  async mend(): Promise<void> {
    if (!this.server.listening) await this.listen();
    const held = this.held ?? [];
    this.held = undefined;
    for (const stream of this.streams) stream.start();
    for (const pass of held) pass();
  }

  async close(): Promise<void> {
    if (this.server.listening) await this.unlisten();
    this.agent.destroy();
  }

  /** Writes of the operator's work that left at `sinceMs` or later: neither its Lease nor Events, which only tell. */
  writesSince(sinceMs: number): PassedWrite[] {
    return this.writes.filter(({ atMs, what }) => atMs >= sinceMs && !/ (leases|events)$/.test(what));
  }

  private listen(): Promise<void> {
    return new Promise((resolve) => {
      this.server.listen(this.port, '127.0.0.1', () => {
        this.port = (this.server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  private unlisten(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    return closed;
  }

  private pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    // Given up while the cable was cut.
    if (outgoing.destroyed) return;
    const write = this.note(incoming);
    const { host: _host, ...headers } = incoming.headers;
    const url = new URL(incoming.url ?? '/', this.target);
    const forward = request(url, { agent: this.agent, method: incoming.method, headers }, (reply) => {
      if (write) write.status = reply.statusCode ?? 0;
      const answer = (): void => {
        outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(outgoing);
        this.follow(reply, outgoing);
      };
      if (this.held) this.held.push(answer);
      else answer();
      reply.on('error', () => outgoing.destroy());
    });
    forward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => forward.destroy());
    incoming.pipe(forward);
  }

  private note({ method, url }: IncomingMessage): PassedWrite | undefined {
    if (method === 'GET' || url?.includes('selfsubjectaccessreviews')) return undefined;
    const what = `${method} ${resourceOf(new URL(url ?? '/', 'http://gate').pathname)}`;
    const write = { atMs: performance.now(), what, status: 0 };
    this.writes.push(write);
    return write;
  }

  private follow(reply: IncomingMessage, outgoing: ServerResponse): void {
    const stream = { stop: () => void reply.unpipe(outgoing), start: () => void reply.pipe(outgoing) };
    this.streams.add(stream);
    const end = (): void => void this.streams.delete(stream);
    reply.on('close', end);
    outgoing.on('close', end);
  }
}
