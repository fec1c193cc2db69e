import type { Applier } from '../../../operator/apply/applier';
import { ApiClient } from '../../../operator/kube/client';
import { Fence } from '../../../operator/kube/fence';
import { World } from '../../../operator/observe/world';
import { NAME_LABEL } from '../../../src/api/names';
import { FakeClock } from '../support/fake-clock';
import { type Handler, HttpServer, type ReceivedRequest, sendJson } from '../support/http-server';
import { recordingLogger } from '../support/logger';

/** An applier whose API server is a handler; every write is recorded there. */
export class ApplyHarness {
  isLeading = true;
  readonly warnings: { reason: string; note: string }[] = [];
  readonly applier: Applier & { world: World };
  private readonly client: ApiClient;

  private constructor(readonly server: HttpServer) {
    const clock = new FakeClock();
    this.client = new ApiClient({ server: server.url, tls: {} }, { userAgent: 'hotstandby/test', clock });
    const { client } = this;
    const options = { client, clock, random: () => 0, logger: recordingLogger(), watchNodes: false };
    this.applier = {
      client: new Fence(client, () => this.isLeading),
      world: new World({ ...options, onChange: () => undefined }),
      warn: (reason, note) => this.warnings.push({ reason, note }),
    };
  }

  static async open(handler: Handler): Promise<ApplyHarness> {
    return new ApplyHarness(await HttpServer.start(handler));
  }

  /** What was sent so far, bodies parsed. */
  get received(): object[] {
    return this.server.requests.map(({ method, path, body }) => ({
      method,
      path,
      body: body === '' ? undefined : JSON.parse(body),
    }));
  }

  async close(): Promise<void> {
    await this.client.close();
    await this.server.stop();
  }
}

/** The object at the request's path, as it is after the write. */
export function replyTo({ path }: ReceivedRequest): { metadata: Record<string, unknown> } {
  const name = path
    .replace(/\/scale$/, '')
    .split('/')
    .at(-1);
  const labels = { [NAME_LABEL]: 'rooms' };
  return { metadata: { name, namespace: 'default', uid: `uid-of-${name}`, resourceVersion: '99', labels } };
}

export const answer: Handler = (request, response) => sendJson(response, 200, replyTo(request));
