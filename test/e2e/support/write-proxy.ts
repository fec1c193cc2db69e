import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { parse, stringify } from 'yaml';
import { resourceOf } from '../../../operator/kube/paths';
import { runInfo } from './run-info';

/**
 * `before`: the write never reaches the API server. `after`: it is carried out and the reply is lost. `held`: the reply
 * comes when `onHit` has ended.
 */
export type Moment = 'before' | 'after' | 'held';

/**
 * Stands between an operator and the API server and calls `onHit` at the operator's n-th write, or at the first one that
 * `hit` picks by its entry in the log: that is how a test kills an operator between any two of its writes. Reads and
 * watches pass untouched.
 */
export class WriteProxy {
  writes = 0;
  /** Every write so far, as `PATCH deployments/scale`. */
  readonly log: string[] = [];
  private readonly server: Server;
  private readonly agent: Agent;

  constructor(
    private readonly hit: number | ((write: string) => boolean),
    private readonly moment: Moment,
    private readonly onHit: () => unknown,
  ) {
    this.agent = new Agent({ ca: runInfo().connection.tls.ca, keepAlive: true });
    this.server = createServer((incoming, outgoing) => this.pass(incoming, outgoing));
  }

  /** Listens and resolves with a kubeconfig that leads here, with the operator's own token. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const { port } = this.server.address() as AddressInfo;
    const config = parse(readFileSync(runInfo().operatorKubeconfig, 'utf8')) as { clusters: { cluster: object }[] };
    const [entry] = config.clusters;
    if (entry) entry.cluster = { server: `http://127.0.0.1:${port}` };
    const path = `${runInfo().dir}/proxy-${port}.kubeconfig`;
    writeFileSync(path, stringify(config), { mode: 0o600 });
    return path;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.agent.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private isHit({ method, url = '/' }: IncomingMessage): boolean {
    const write = `${method} ${resourceOf(new URL(url, 'http://proxy').pathname)}`;
    this.writes += 1;
    this.log.push(write);
    return typeof this.hit === 'number' ? this.writes === this.hit : this.hit(write);
  }

  private pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const isWrite = incoming.method !== 'GET' && !incoming.url?.includes('selfsubjectaccessreviews');
    const isHit = isWrite && this.isHit(incoming);
    if (isHit && this.moment === 'before') {
      this.onHit();
      outgoing.destroy();
      return;
    }
    const { host: _host, ...headers } = incoming.headers;
    const target = new URL(incoming.url ?? '/', runInfo().connection.server);
    const forward = request(target, { agent: this.agent, method: incoming.method, headers }, (reply) => {
      if (isHit && this.moment === 'after') {
        this.onHit();
        outgoing.destroy();
        reply.resume();
        return;
      }
      const answer = (): void => {
        outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(outgoing);
        reply.on('error', () => outgoing.destroy());
      };
      if (isHit) void Promise.resolve(this.onHit()).finally(answer);
      else answer();
    });
    forward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => forward.destroy());
    incoming.pipe(forward);
  }
}
