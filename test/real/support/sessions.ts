import { request } from 'node:http';
import type { Pod, Scene } from '../../e2e/support/scene';

const APP_PORT = 8080;
const ANSWER_TIMEOUT_MS = 10_000;

/** What an example app answers: `state` is what it is doing, `message` for `GET /` its Pod's name. */
export interface Answer {
  status: number;
  state: string;
  message: string;
}

/** One request on a connection of its own. Rejects when nothing answers. */
export function ask(host: string, method: string, path: string, port = APP_PORT): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // A kept connection would reach the same Pod again, whatever a Service says by then.
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const call = request({ host, port, method, path, agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ ...(JSON.parse(text) as Answer), status: response.statusCode ?? 0 }));
    });
    call.on('error', reject);
    call.end();
  });
}

export function ipOf(pod: Pod): string {
  const ip = pod.status?.podIP;
  if (ip === undefined) throw new Error(`Pod ${pod.metadata.name} has no address yet`);
  return ip;
}

export function nodeOf(pod: Pod): string | undefined {
  return pod.spec?.nodeName;
}

/** Times its containers were started again. */
export function restartsOf(pod: Pod): number {
  const statuses = (pod.status?.containerStatuses ?? []) as { restartCount?: number }[];
  return statuses.reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0);
}

/** Begins and ends sessions by the apps' own HTTP API, and tells which of them were lost. */
export class Sessions {
  private readonly held = new Map<string, Pod>();

  constructor(private readonly scene: Scene) {}

  /** Asks the app in `pod` for a session: it is held when the answer is 201. */
  async start(pod: Pod): Promise<Answer> {
    const answer = await ask(ipOf(pod), 'POST', '/session');
    if (answer.status === 201) this.held.set(pod.metadata.uid, pod);
    return answer;
  }

  /** Rejects when there is none. */
  async end(pod: Pod): Promise<void> {
    this.held.delete(pod.metadata.uid);
    const answer = await ask(ipOf(pod), 'DELETE', '/session');
    if (answer.status !== 200) throw new Error(`${pod.metadata.name}: ${answer.status} ${answer.message}`);
  }

  /** Sessions whose Pod is gone, going or restarted, or whose app knows nothing of them any more. */
  async lost(): Promise<string[]> {
    const pods = new Map((await this.scene.pods()).map((pod) => [pod.metadata.uid, pod]));
    const fates = [...this.held].map(async ([uid, { metadata }]) => {
      const pod = pods.get(uid);
      if (pod === undefined) return `${metadata.name}: its Pod was ended`;
      if (restartsOf(pod) > 0) return `${metadata.name}: its container was started again`;
      const { state } = await ask(ipOf(pod), 'GET', '/');
      return state === 'busy' ? undefined : `${metadata.name}: its app is ${state}`;
    });
    return (await Promise.all(fates)).filter((fate) => fate !== undefined);
  }
}
