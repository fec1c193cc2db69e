/** The live table: draws after every watch event and acts on keys. */
import { emitKeypressEvents } from 'node:readline';
import { type Clock, systemClock, type Timer } from '../../operator/kube/clock';
import { childName } from '../../src/api/names';
import type { Demo } from './demo';
import { type Action, actionOf, type Key, type Selection, select } from './keys';
import { isAttached, poolState } from './model';
import { Screen } from './screen';
import type { Stopper } from './stopper';
import { type Details, layout, type View } from './table';
import { waitUntil } from './wait';

/** A burst of events is one picture: more than 30 a second nobody sees. */
const FRAME_MS = 33;
/** Ages are shown in seconds. */
const AGE_MS = 1_000;
const BURST = 5;
/** At maxReplicas no further Pod comes until a session ends. */
const BURST_WAIT_MS = 30_000;

/** Shows the table until the stopper's signal aborts, then rejects with its reason; the terminal is as before. */
export async function runLive(demo: Demo, stopper: Stopper): Promise<never> {
  const { stdin, stdout } = process;
  const colors = !process.env.NO_COLOR;
  const screen = new Screen(stdout, colors);
  const live = new Live(demo, screen, stopper, systemClock);
  const onKey = (_text: string | undefined, key: Key): void => live.press(key);
  const onResize = (): void => live.resize();
  const onEnd = (): void => stopper.quit();
  const restore = (): void => screen.close();
  emitKeypressEvents(stdin);
  stdin.setRawMode(true).on('keypress', onKey).on('end', onEnd).resume();
  stdout.on('resize', onResize);
  // Whatever ends the process, the terminal must be usable afterwards.
  process.once('exit', restore);
  try {
    live.start();
    return await aborted(stopper.signal);
  } finally {
    live.stop();
    process.off('exit', restore);
    stdout.off('resize', onResize);
    stdin.off('keypress', onKey).off('end', onEnd).setRawMode(false).pause();
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

class Live {
  private selection: Selection;
  private frame: Timer | undefined;
  private ages: Timer | undefined;
  private unsubscribe: (() => void) | undefined;

  constructor(
    private readonly demo: Demo,
    private readonly screen: Screen,
    private readonly stopper: Pick<Stopper, 'signal' | 'quit'>,
    private readonly clock: Clock,
  ) {
    this.selection = { hsd: demo.apps[0]?.name ?? '', details: false };
  }

  start(): void {
    this.screen.open();
    this.unsubscribe = this.demo.model.subscribe(() => this.drawSoon());
    this.draw();
  }

  stop(): void {
    this.unsubscribe?.();
    this.frame?.cancel();
    this.ages?.cancel();
    this.screen.close();
  }

  resize(): void {
    this.screen.clear();
    this.drawSoon();
  }

  press(key: Key): void {
    const action = actionOf(key);
    if (action === undefined) return;
    if (action === 'quit') this.stopper.quit();
    this.selection = select(this.selection, action, this.demo.model.hsds);
    this.drawSoon();
    const { hsd } = this.selection;
    this.act(action, hsd).catch((error: unknown) => this.complain(hsd, error));
  }

  private async act(action: Action, hsd: string): Promise<void> {
    const { sessions } = this.demo;
    switch (action) {
      case 'start':
        return this.startSession(hsd);
      case 'burst':
        return this.burst(hsd);
      case 'end':
        return this.note(hsd, `session ended on ${(await sessions.end(hsd)).name}`);
      case 'more':
        return this.note(hsd, `idleTarget is ${await sessions.changeTarget(hsd, 1)} now`);
      case 'fewer':
        return this.note(hsd, `idleTarget is ${await sessions.changeTarget(hsd, -1)} now`);
      case 'template':
        return this.note(hsd, `Pod template changed to ${await sessions.changeTemplate(hsd)}`);
      default:
        return;
    }
  }

  private async startSession(hsd: string): Promise<void> {
    const { pod } = await this.demo.sessions.start(hsd);
    this.note(hsd, `session started on ${pod.name}`);
  }

  /** More sessions at once than there may be idle Pods: the rest begin as fast as Pods follow. */
  private async burst(hsd: string): Promise<void> {
    const { model } = this.demo;
    const wait = { model, clock: this.clock, signal: this.stopper.signal, deadlineMs: BURST_WAIT_MS };
    for (let started = 0; started < BURST; started += 1) {
      await waitUntil('an idle Pod for the next session', () => model.free(hsd).length > 0, wait);
      this.startSession(hsd).catch((error: unknown) => this.complain(hsd, error));
    }
  }

  private complain(hsd: string, error: unknown): void {
    if (!this.stopper.signal.aborted) this.note(hsd, error instanceof Error ? error.message : String(error), true);
  }

  private note(hsd: string, text: string, isWarning = false): void {
    this.demo.model.note({ at: this.clock.now(), hsd, text, isWarning });
  }

  private drawSoon(): void {
    this.frame ??= this.clock.setTimeout(() => this.draw(), FRAME_MS);
  }

  private draw(): void {
    this.frame?.cancel();
    this.frame = undefined;
    this.ages?.cancel();
    this.screen.draw(layout(this.view(), this.screen.size));
    // Nothing else changes by time alone.
    if (this.selection.details) this.ages = this.clock.setTimeout(() => this.draw(), AGE_MS);
  }

  private view(): View {
    const { model, kind, version, kubeconfig } = this.demo;
    const { hsd, details } = this.selection;
    const where = kind === 'external' ? 'your cluster' : `${kind} nodes`;
    return {
      where: `Kubernetes ${version}, ${where}`,
      rows: model.rows(),
      selected: hsd,
      details: details ? this.details(hsd) : undefined,
      log: model.log.map((entry) => ({ ...entry, time: new Date(entry.at).toTimeString().slice(0, 8) })),
      kubeconfig,
    };
  }

  private details(hsd: string): Details {
    const { model } = this.demo;
    const child = model.child(hsd);
    const now = this.clock.now();
    const pods = model.pods(hsd).map((pod) => ({
      name: pod.name,
      node: pod.node ?? '-',
      state: poolState(pod),
      isAttached: isAttached(pod),
      template: pod.template,
      ageMs: now - pod.createdAt,
    }));
    return { child: childName(hsd), replicas: child?.replicas ?? 0, isPaused: child?.paused ?? false, pods };
  }
}
