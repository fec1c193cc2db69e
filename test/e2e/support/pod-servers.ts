import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { KubeObject } from '../../../operator/kube/types';
import type { Pod, Scene } from './scene';

export type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** Answers with a status and a body. */
export const says =
  (status: number, body = ''): Answer =>
  (response) =>
    void response.writeHead(status).end(body);

/** Takes the question and never answers. */
export const hangs: Answer = () => undefined;

/** One question a Pod was asked. */
export interface Question {
  /** By performance.now(). */
  atMs: number;
  method?: string;
  path?: string;
  headers: IncomingMessage['headers'];
}

/** Certificate and key of a server, PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

/** The real HTTP server behind one Pod's IP. */
export class PodServer {
  readonly questions: Question[] = [];
  /** Connections that were ever opened to it. */
  connections = 0;
  private server: Server | undefined;

  constructor(
    readonly ip: string,
    private readonly port: number,
    public answer: Answer,
    private readonly certificate?: Certificate,
  ) {}

  async open(): Promise<void> {
    const listener: RequestListener = (request, response) => {
      const { method, url, headers } = request;
      this.questions.push({ atMs: performance.now(), method, path: url, headers });
      this.answer(response, request);
    };
    const server = this.certificate ? createTlsServer(this.certificate, listener) : createServer(listener);
    server.on('connection', () => {
      this.connections += 1;
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: this.ip, port: this.port, exclusive: true }, resolve);
    });
    this.server = server;
  }

  /** The app dies: later connections are refused. */
  async close(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }
}

/** Fewer looks a second would show in how fast new Pods answer. */
const LOOK_MS = 50;

/**
 * An HTTP server for every Pod with a label, from the moment it has its (loopback) IP until it is gone: what a container
 * would be on a real node.
 */
export class PodServers {
  private readonly byUid = new Map<string, PodServer>();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();
  private failure: unknown;
  private closed = false;

  /**
   * @param first what a new server answers
   * @param certificate serve HTTPS with it
   */
  constructor(
    private readonly scene: Scene,
    private readonly labelSelector: string,
    private readonly port: number,
    private readonly first: Answer,
    private readonly certificate?: Certificate,
  ) {
    this.schedule();
  }

  /** The server of a Pod. Throws while there is none. */
  of(pod: KubeObject | undefined): PodServer {
    const server = pod && this.byUid.get(pod.metadata.uid);
    if (server === undefined) throw new Error(`Pod ${pod?.metadata.name} has no server yet`);
    return server;
  }

  get all(): PodServer[] {
    return [...this.byUid.values()];
  }

  /** Ends all servers; rejects when the last look for Pods failed. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.looking;
    await Promise.all(this.all.map((server) => server.close()));
    if (this.failure !== undefined) throw this.failure;
  }

  private schedule(): void {
    if (this.closed) return;
    this.timer = setTimeout(() => {
      // An IP may still be with another fleet's server for a moment: only what stays wrong is a failure.
      this.looking = this.look()
        .then(
          () => {
            this.failure = undefined;
          },
          (error: unknown) => {
            this.failure = error;
          },
        )
        .then(() => this.schedule());
    }, LOOK_MS);
  }

  private async look(): Promise<void> {
    const pods = await this.scene.allPods(this.labelSelector);
    const uids = new Set(pods.map((pod) => pod.metadata.uid));
    // The gone ones first: kwok gives their IPs to new Pods.
    for (const [uid, server] of this.byUid) {
      if (uids.has(uid)) continue;
      this.byUid.delete(uid);
      await server.close();
    }
    for (const pod of pods) await this.serve(pod);
  }

  private async serve({ metadata, status }: Pod): Promise<void> {
    if (this.byUid.has(metadata.uid) || status?.podIP === undefined) return;
    const server = new PodServer(status.podIP, this.port, this.first, this.certificate);
    await server.open();
    this.byUid.set(metadata.uid, server);
  }
}
