import type { ApiClient } from '../../operator/kube/client';
import type { Clock, Random } from '../../operator/kube/clock';
import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import { DEFAULT_BUSY_ANNOTATION } from '../../src/api/names';
import { type DemoApp, TEMPLATE_ANNOTATION } from './manifests';
import type { DemoPod, Model } from './model';
import type { Timing } from './reactions';

export interface SessionsOptions {
  client: Pick<ApiClient, 'mergePatch'>;
  model: Model;
  apps: readonly DemoApp[];
  /** Takes over replies of Pod writes. */
  observePod: (pod: KubeObject) => void;
  clock: Clock;
  random: Random;
}

/** A session that has begun. */
export interface Started {
  pod: DemoPod;
  /** Undefined when the child need not grow for it. */
  timing?: Timing;
}

/** A Pod that is on its way out, or was taken by another, says no; the next one may say yes. */
const MAX_TRIES = 3;
const APP_PORT = 8080;
const APP_TIMEOUT_MS = 10_000;
/** The client protocol of an app that marks itself: 409 and 503 mean "take another Pod". */
const TAKE_ANOTHER = [409, 503];

/** What a person, or a lobby, does to the apps: begins and ends sessions, and edits the hsd. */
export class Sessions {
  constructor(private readonly options: SessionsOptions) {}

  /** Begins a session on a random idle Pod. Rejects with one line when there is none or none takes it. */
  async start(hsd: string): Promise<Started> {
    let refusal = 'no idle Pod is left: wait for the next, or end a session';
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const pod = this.random(this.options.model.free(hsd));
      if (!pod) break;
      const timing = this.options.model.starting(pod);
      const answer = await this.attempt(pod, timing, () => this.begin(hsd, pod));
      if (answer === undefined) return { pod, timing };
      refusal = `${pod.name}: ${answer}`;
    }
    throw new Error(refusal);
  }

  /** Ends the session of `pod`, by default of a random busy one. Rejects with one line when there is none. */
  async end(hsd: string, pod = this.random(this.options.model.inSession(hsd))): Promise<DemoPod> {
    if (!pod) throw new Error('no session to end');
    this.options.model.ending(pod);
    const answer = await this.attempt(pod, undefined, () => this.finish(hsd, pod));
    if (answer !== undefined) throw new Error(`${pod.name}: ${answer}`);
    return pod;
  }

  /** Changes idleTarget by `by`, down to 0. Resolves to the new one. */
  async changeTarget(hsd: string, by: number): Promise<number> {
    const spec = this.specOf(hsd);
    const idleTarget = Math.max(0, spec.idleTarget + by);
    await this.patchSpec(hsd, { idleTarget });
    return idleTarget;
  }

  /** Changes the Pod template, as a new image would. Resolves to the number of the new one. */
  async changeTemplate(hsd: string): Promise<string> {
    const { podTemplate } = this.specOf(hsd);
    const metadata = (podTemplate as { metadata?: { annotations?: Record<string, string> } }).metadata;
    const next = String(Number(metadata?.annotations?.[TEMPLATE_ANNOTATION] ?? 1) + 1);
    await this.patchSpec(hsd, { podTemplate: { metadata: { annotations: { [TEMPLATE_ANNOTATION]: next } } } });
    return next;
  }

  /** Undefined when it worked, else why not. */
  private async attempt(
    pod: DemoPod,
    timing: Timing | undefined,
    act: () => Promise<string | undefined>,
  ): Promise<string | undefined> {
    let answer: string | undefined;
    try {
      answer = await act();
    } catch (error) {
      answer = error instanceof Error ? error.message : String(error);
    }
    if (answer === undefined) {
      timing?.marked(this.options.clock.monotonic());
      return undefined;
    }
    this.options.model.failed(pod);
    return answer;
  }

  private begin(hsd: string, pod: DemoPod): Promise<string | undefined> {
    return this.isByApp(hsd) ? this.ask(pod, 'POST') : this.annotate(pod, 'true');
  }

  private finish(hsd: string, pod: DemoPod): Promise<string | undefined> {
    return this.isByApp(hsd) ? this.ask(pod, 'DELETE') : this.annotate(pod, null);
  }

  private isByApp(hsd: string): boolean {
    return this.options.apps.find((app) => app.name === hsd)?.sessions === 'app';
  }

  /** Asks the app in the Pod, which marks itself. */
  private async ask(pod: DemoPod, method: 'POST' | 'DELETE'): Promise<string | undefined> {
    const url = `http://${pod.ip}:${APP_PORT}/session`;
    const response = await fetch(url, { method, signal: AbortSignal.timeout(APP_TIMEOUT_MS) });
    const { message } = (await response.json()) as { message?: string };
    if (response.ok) return undefined;
    const advice = TAKE_ANOTHER.includes(response.status) ? '' : ` (HTTP ${response.status} from ${url})`;
    return `${message}${advice}`;
  }

  /** Writes the mark as the app would: the session may begin only when the Pod is not being deleted. */
  private async annotate(pod: DemoPod, value: 'true' | null): Promise<string | undefined> {
    const { client, observePod } = this.options;
    const body = { metadata: { uid: pod.uid, annotations: { [DEFAULT_BUSY_ANNOTATION]: value } } };
    const reply = await client.mergePatch<KubeObject>(paths.pods.one(pod.namespace, pod.name), body);
    observePod(reply);
    return value === 'true' && reply.metadata.deletionTimestamp ? 'is being deleted' : undefined;
  }

  private specOf(hsd: string) {
    const view = this.options.model.hsd(hsd);
    if (!view) throw new Error(`there is no hsd ${hsd} any more`);
    return view.spec;
  }

  private async patchSpec(hsd: string, spec: Record<string, unknown>): Promise<void> {
    const view = this.options.model.hsd(hsd);
    await this.options.client.mergePatch(paths.hsds.one(view?.namespace ?? '', hsd), { spec });
  }

  private random(pods: readonly DemoPod[]): DemoPod | undefined {
    return pods[Math.floor(this.options.random() * pods.length)];
  }
}
