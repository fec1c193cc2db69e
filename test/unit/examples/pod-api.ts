import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { CertificateAuthority } from '../../../operator/serve/pki';

/** How one request is answered: refused, or the connection is cut before or after the write. */
export type Fault = { status: number; message: string } | 'cut-before' | 'cut-after';

export interface PodMetadata {
  namespace: string;
  name: string;
  uid: string;
  annotations: Record<string, string>;
  deletionTimestamp?: string;
}

interface MergePatch {
  metadata: { uid?: string; annotations: Record<string, string | null> };
}

/**
 * The API server as one Pod sees it: HTTPS with a private authority, a bearer token, and merge patches of that Pod
 * (RFC 7396; another `metadata.uid` answers 422, as Kubernetes 1.37 does). It exists for what a real one cannot be made to do on command: an answer
 * that gets lost, or that comes late.
 */
export class PodApi {
  readonly authority = new CertificateAuthority('pod-api-authority');
  readonly pod: PodMetadata = { namespace: 'team', name: 'rooms-1', uid: 'uid-1', annotations: {} };
  token = 'token-1';
  /** Taken from the front, one a request; none left: the request is carried out. */
  readonly faults: Fault[] = [];
  /** Values the busy annotation was given, `null` for its removal. */
  readonly writes: (string | null | undefined)[] = [];
  /** Requests wait here before they are looked at. */
  gate: Promise<void> = Promise.resolve();
  private readonly server: Server;

  constructor() {
    const { cert, key } = this.authority.issue({ commonName: 'pod-api', ips: ['127.0.0.1'], usages: ['server'] });
    this.server = createServer({ cert, key }, (request, response) => void this.answer(request, response));
  }

  /** Starts to listen on 127.0.0.1 and gives the port. */
  async start(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    await this.gate;
    const fault = this.faults.shift();
    if (fault === 'cut-before') return void request.socket.destroy();
    const refusal = typeof fault === 'object' ? fault : this.refusal(request);
    if (refusal) return reply(response, refusal.status, { kind: 'Status', ...refusal });
    const invalid = this.patch(JSON.parse(body) as MergePatch);
    if (fault === 'cut-after') return void request.socket.destroy();
    if (invalid) return reply(response, 422, { kind: 'Status', message: invalid });
    reply(response, 200, { kind: 'Pod', metadata: this.pod });
  }

  private refusal({ method, url, headers }: IncomingMessage): { status: number; message: string } | undefined {
    const { namespace, name } = this.pod;
    if (headers.authorization !== `Bearer ${this.token}`) return { status: 401, message: 'Unauthorized' };
    if (method !== 'PATCH' || url !== `/api/v1/namespaces/${namespace}/pods/${name}`) {
      return { status: 404, message: `no ${method} ${url}` };
    }
    const type = headers['content-type'];
    return type === 'application/merge-patch+json' ? undefined : { status: 415, message: `media type ${type}` };
  }

  private patch({ metadata }: MergePatch): string | undefined {
    if (metadata.uid !== this.pod.uid) return `metadata.uid: Invalid value: "${metadata.uid}": field is immutable`;
    for (const [key, value] of Object.entries(metadata.annotations)) {
      if (value === null) delete this.pod.annotations[key];
      else this.pod.annotations[key] = value;
    }
    this.writes.push(metadata.annotations['paia.tech/busy']);
    return undefined;
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
