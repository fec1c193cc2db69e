/** Plain HTTPS to one API server, for the few calls the cluster itself makes. The operator has its own transport. */
import { Agent, request } from 'node:https';

/** Where an API server is and who we are to it. */
export interface Connection {
  /** `https://host:port`, no trailing slash. */
  server: string;
  /** PEM texts. */
  tls: { ca: string; cert: string; key: string };
}

export interface Reply {
  status: number;
  body: string;
}

/** A stuck API server must not hang the caller's deadline loop. */
const REQUEST_TIMEOUT_MS = 10_000;

/** A kept-alive client; `close()` ends its sockets. */
export class ApiClient {
  private readonly agent: Agent;

  constructor(private readonly connection: Connection) {
    this.agent = new Agent({ ...connection.tls, keepAlive: true, maxSockets: 16 });
  }

  /** Any status is a reply; only a broken connection or 10 s of silence rejects. */
  call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      const headers = payload ? { 'content-type': 'application/json', 'content-length': payload.length } : {};
      const outgoing = request(
        `${this.connection.server}${path}`,
        { agent: this.agent, method, headers, timeout: REQUEST_TIMEOUT_MS },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () =>
            resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
          );
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no reply for 10 s`)));
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  }

  /** Whether GET `path` answers 200 right now; an unreachable server is a plain no. */
  async answers(path: string): Promise<boolean> {
    try {
      return (await this.call('GET', path)).status === 200;
    } catch {
      return false;
    }
  }

  close(): void {
    this.agent.destroy();
  }
}
