/** The scripted run: each line is something that has just been seen to happen. */
import type { Clock } from '../../operator/kube/clock';
import { childName } from '../../src/api/names';
import type { Demo } from './demo';
import { type DemoPod, isAttached, isAvailable, type Model } from './model';
import type { Started } from './sessions';
import { waitUntil } from './wait';

export interface ScriptOptions {
  say: (line: string) => void;
  clock: Clock;
  signal: AbortSignal;
}

/** Containers of real nodes take seconds to start; a loaded machine has needed ten times that. */
const DEADLINE_MS = 120_000;

const LOOK = 'npm start, then d shows the Pods and what it names as KUBECONFIG serves kubectl';

/** Plays the script on every app. Rejects with one line when something does not happen. */
export async function runScript(demo: Demo, options: ScriptOptions): Promise<void> {
  for (const { name } of demo.apps) await new Script(demo, name, options).run();
}

class Script {
  private readonly model: Model;

  constructor(
    private readonly demo: Demo,
    private readonly hsd: string,
    private readonly options: ScriptOptions,
  ) {
    this.model = demo.model;
  }

  async run(): Promise<void> {
    await this.settle();
    const { replicas: before } = this.child();
    const first = await this.startSession();
    const second = await this.startSession();
    await this.until(`${childName(this.hsd)} at ${before + 2} replicas`, () => this.child().replicas === before + 2);
    await this.until('the reaction is measured', () => measured(first) && measured(second));
    this.say(`2 sessions started: child ${before} -> ${before + 2}, reaction ${ms(first)} and ${ms(second)}`);
    await this.settle();
    await this.endSession(first.pod);
    await this.endSession(second.pod);
    const downMs = await this.until(`${childName(this.hsd)} at ${before}`, () => this.child().replicas === before);
    this.say(`both ended: child ${before + 2} -> ${before} after ${Math.round(downMs)} ms`);
    await this.settle();
    await this.changeTemplateInASession();
  }

  private async changeTemplateInASession(): Promise<void> {
    const { pod } = await this.startSession();
    await this.settle();
    const template = await this.demo.sessions.changeTemplate(this.hsd);
    this.say(`Pod template changed to ${template} while ${pod.name} is in a session`);
    const fresh = (): DemoPod[] =>
      this.model.pods(this.hsd).filter((it) => isAvailable(it) && it.template === template);
    const renewed = (): boolean =>
      fresh().length === this.target() &&
      this.model.pods(this.hsd).every((it) => it.template === template || it.uid === pod.uid);
    const rolloutMs = await this.until(`${this.target()} idle Pods of template ${template} alone`, renewed);
    const survivor = this.model.pod(pod.uid);
    if (!survivor || survivor.deleting)
      throw new Error(`${this.hsd}: the busy Pod ${pod.name} was ended by the rollout`);
    const place = isAttached(survivor) ? 'attached' : 'detached';
    this.say(
      `${this.target()} new idle Pods after ${Math.round(rolloutMs)} ms; ${pod.name} is still in its session (${place})`,
    );
    await this.endSession(pod);
    const gone = (): boolean => this.model.pod(pod.uid) === undefined;
    await this.until(`${pod.name}, of the old template, goes after its session`, gone);
    await this.settle();
    this.say(`its session ended: ${pod.name} is gone, ${this.target()} idle Pods remain`);
  }

  private async startSession(): Promise<Started> {
    const { sessions } = this.demo;
    const started = await sessions.start(this.hsd);
    // Not before the cluster knows: an http probe sees a session up to a period late.
    await this.until(`${started.pod.name} is marked busy`, () => this.model.pod(started.pod.uid)?.state === 'busy');
    return started;
  }

  private async endSession(pod: DemoPod): Promise<void> {
    await this.demo.sessions.end(this.hsd, this.model.pod(pod.uid) ?? pod);
  }

  /** Waits until as many Pods are available as the hsd asks for, and its status says so. */
  private async settle(): Promise<void> {
    await this.until(`${this.target()} idle Pods of hsd ${this.hsd}`, () => {
      const pods = this.model.pods(this.hsd);
      const idle = pods.filter(isAvailable).length;
      const row = this.model.rows().find(({ name }) => name === this.hsd);
      // The child too: each kind of object comes by a watch of its own.
      const isChildThere = this.model.child(this.hsd)?.replicas === pods.filter(isAttached).length;
      return isChildThere && idle > 0 && idle === this.target() && row?.available === idle && row.starting === 0;
    });
  }

  private async until(what: string, check: () => boolean): Promise<number> {
    const { clock, signal } = this.options;
    try {
      return await waitUntil(what, check, { model: this.model, clock, signal, deadlineMs: DEADLINE_MS });
    } catch (error) {
      if (signal.aborted) throw error;
      const advice =
        this.demo.kind === 'real' ? `${LOOK}; or without containers: npm start -- --once --nodes kwok` : LOOK;
      throw new Error(`${(error as Error).message}; ${this.whatIsThere()}. To see more: ${advice}`);
    }
  }

  /** Where to look: the Pods, the last warning Event, and what the operator complains of. */
  private whatIsThere(): string {
    const { model, hsd, demo } = this;
    const pods = model
      .pods(hsd)
      .map(({ name, state, ready }) => `${name} ${state ?? 'new'}${ready ? '' : ', not Ready'}`);
    const warning = model.log.findLast((entry) => entry.hsd === hsd && entry.isWarning)?.text;
    const trouble = demo.operatorTrouble();
    return [
      `there is: ${pods.join('; ') || 'no Pod'}`,
      ...(warning ? [`Event: ${warning}`] : []),
      ...(trouble ? [`operator: ${trouble}`] : []),
    ].join('. ');
  }

  private child() {
    return this.model.child(this.hsd) ?? { replicas: 0 };
  }

  private target(): number {
    return this.model.hsd(this.hsd)?.spec.idleTarget ?? 0;
  }

  private say(text: string): void {
    this.options.say(`${this.hsd}: ${text}`);
  }
}

/** Always so when the child had nothing to do. */
function measured({ timing }: Started): boolean {
  return timing === undefined || timing.ms !== undefined;
}

function ms({ timing }: Started): string {
  return timing?.ms === undefined ? 'none needed' : `${timing.ms.toFixed(1)} ms`;
}
