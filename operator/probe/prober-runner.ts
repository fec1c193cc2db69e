import type { Clock, Timer } from '../kube/clock';
import type { HttpAttempt, HttpOutcome, HttpQuestion, ProbeTransport } from './http-probe';
import { FairGate } from './prober-gate';
import { nextSlot, type Timed, TimedHeap } from './prober-schedule';
import { Urgency } from './prober-urgency';

/** Something to probe again and again. `at` is when it is due next. */
export interface Runnable extends Timed {
  /** Of the Pod. */
  readonly uid: string;
  readonly question: HttpQuestion;
  readonly transport: ProbeTransport;
  /** Whose share of the concurrency it uses. */
  readonly tenant: string;
  /** Where in the period it is due, 0 <= phase < 1. */
  readonly phase: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
  /** Its turns that wait or run, hardly ever more than one (an empty array is a tenth of an empty Set). Kept by the runner. */
  turns: readonly Turn[];
}

/** One probe of a target, from being due to its outcome. `at` is its deadline once it is sent. */
export interface Turn extends Timed {
  readonly target: Runnable;
  /** Out of turn: asked for by somebody who waits. */
  readonly urgent: boolean;
  readonly dueAt: number;
  /** Counts up in the order of sending; 0 while it waits. */
  order: number;
  /** Monotonic milliseconds of sending. */
  sentAt: number;
  http?: HttpAttempt;
}

export interface RunnerOptions {
  clock: Clock;
  maxConcurrent: number;
  /** What came of a turn. Not called for dropped ones. */
  onOutcome: (turn: Turn, outcome: HttpOutcome) => void;
}

/** Most probes sent before anything else gets the thread: 32 take about 2 ms. */
const MAX_STARTS_PER_TICK = 32;
/** Urgent turns have slots of their own, or a full gate would hold up every scale-down. */
const MAX_URGENT = 128;
/** A timer later than this means the thread was busy: answers may lie unread in the sockets. */
const LATE_TIMER_MS = 20;

/** Sends probes when they are due, bounds how many run at once, and ends those that take too long. One timer for all. */
export class ProbeRunner {
  private readonly clock: Clock;
  private readonly due = new TimedHeap<Runnable>();
  private readonly deadlines = new TimedHeap<Turn>();
  private readonly gate: FairGate<Turn>;
  private readonly urgentGate = new FairGate<Turn>(MAX_URGENT, MAX_URGENT / 2, (turn) => this.begin(turn));
  private readonly urgencies = new Map<Runnable, Urgency>();
  /** Those that wait after a question without an answer. */
  private readonly patient = new TimedHeap<Urgency>();
  private timer: { readonly at: number; readonly handle: Timer } | undefined;
  private orders = 0;
  private spared = false;

  constructor(private readonly options: RunnerOptions) {
    const { maxConcurrent } = options;
    this.clock = options.clock;
    this.gate = new FairGate(maxConcurrent, Math.ceil(maxConcurrent / 2), (turn) => this.begin(turn));
  }

  /** Plans the first probe of `target` for `at`; later ones follow by its phase and period. */
  add(target: Runnable, at: number): void {
    target.at = at;
    this.due.push(target);
    this.arm();
  }

  /** Brings the next probe forward when the target's new period asks for it. */
  hasten(target: Runnable): void {
    const at = nextSlot(this.clock.monotonic(), target.periodMs, target.phase);
    if (target.slot < 0 || at >= target.at) return;
    this.due.remove(target);
    this.add(target, at);
  }

  /**
   * Sends a probe now, or after the one under way that was asked for so, or a little later when that got no answer.
   * `over` is called when it has an outcome or is dropped.
   */
  urge(target: Runnable, over: () => void): void {
    const urgency = this.urgencies.get(target) ?? new Urgency(target);
    this.urgencies.set(target, urgency);
    urgency.join(over);
    this.ask(urgency);
    this.arm();
  }

  /** Forgets `targets` and drops their probes under way. Those that wait go first, or the freed places would start them. */
  remove(targets: readonly Runnable[]): void {
    for (const target of targets) {
      this.due.remove(target);
      this.drop(target.turns.filter(({ order }) => order === 0));
    }
    for (const target of targets) this.drop(target.turns);
    for (const target of targets) this.forget(target);
  }

  /** Cancels the timer. Remove the targets first. */
  stop(): void {
    this.timer?.handle.cancel();
    this.timer = undefined;
  }

  private drop(turns: readonly Turn[]): void {
    for (const turn of turns) {
      const { tenant } = turn.target;
      turn.http?.abort();
      this.end(turn);
      if (turn.order === 0) this.gateOf(turn).withdraw(tenant, turn);
      else this.gateOf(turn).release(tenant);
    }
  }

  private forget(target: Runnable): void {
    target.transport.forget(target.question);
    const urgency = this.urgencies.get(target);
    if (urgency === undefined) return;
    this.urgencies.delete(target);
    this.patient.remove(urgency);
    urgency.giveUp();
  }

  /** Sends the next question out of turn, if one is wanted and may be sent. */
  private ask(urgency: Urgency): void {
    if (!urgency.isWanted || urgency.slot >= 0) return;
    const now = this.clock.monotonic();
    if (urgency.at > now) {
      this.patient.push(urgency);
      return;
    }
    urgency.begin();
    urgency.turn = this.turn(urgency.target, true, now);
    this.offer(urgency.turn);
  }

  private gateOf(turn: Turn): FairGate<Turn> {
    return turn.urgent ? this.urgentGate : this.gate;
  }

  private turn(target: Runnable, urgent: boolean, dueAt: number): Turn {
    return { target, urgent, dueAt, order: 0, sentAt: 0, at: 0, slot: -1 };
  }

  private offer(turn: Turn): void {
    const { target } = turn;
    target.turns = [...target.turns, turn];
    this.gateOf(turn).offer(target.tenant, turn);
  }

  private begin(turn: Turn): void {
    turn.order = ++this.orders;
    turn.sentAt = this.clock.monotonic();
    turn.at = turn.sentAt + turn.target.timeoutMs;
    this.deadlines.push(turn);
    const { transport, question } = turn.target;
    turn.http = transport.send(question, (outcome) => this.finish(turn, outcome));
  }

  private end(turn: Turn): void {
    this.deadlines.remove(turn);
    turn.target.turns = turn.target.turns.filter((other) => other !== turn);
  }

  private finish(turn: Turn, outcome: HttpOutcome): void {
    const { target } = turn;
    // Dropped meanwhile: whoever dropped it has done the rest.
    if (!target.turns.includes(turn)) return;
    this.end(turn);
    if (!turn.urgent) this.planNext(turn);
    this.options.onOutcome(turn, outcome);
    this.gateOf(turn).release(target.tenant);
    const urgency = turn.urgent ? this.urgencies.get(target) : undefined;
    if (urgency) this.answered(urgency, 'status' in outcome);
    this.arm();
  }

  private answered(urgency: Urgency, answered: boolean): void {
    urgency.ended(answered, this.clock.monotonic());
    urgency.tell();
    this.ask(urgency);
    if (urgency.isIdle) this.urgencies.delete(urgency.target);
  }

  /** At least half a period after the last one, which matters once: the first probe is sent whatever the phase. */
  private planNext({ target, dueAt }: Turn): void {
    const earliest = Math.max(this.clock.monotonic(), dueAt + target.periodMs / 2);
    target.at = nextSlot(earliest, target.periodMs, target.phase);
    this.due.push(target);
  }

  private arm(): void {
    const heads = [this.due.peek(), this.deadlines.peek(), this.patient.peek()];
    const next = Math.min(...heads.map((head) => head?.at ?? Infinity));
    if (next === Infinity || (this.timer && this.timer.at <= next)) return;
    this.timer?.handle.cancel();
    const now = this.clock.monotonic();
    const at = Math.max(next, now);
    // Rounded up: a timer that fires early would fire again and again until the time has come.
    this.timer = { at, handle: this.clock.setTimeout(() => this.tick(at), Math.ceil(at - now)) };
  }

  private tick(plannedAt: number): void {
    this.timer = undefined;
    const now = this.clock.monotonic();
    this.expire(now, now - plannedAt > LATE_TIMER_MS);
    let starts = 0;
    for (const target of taken(this.due, now)) {
      this.offer(this.turn(target, false, target.at));
      if (++starts === MAX_STARTS_PER_TICK) break;
    }
    for (const urgency of taken(this.patient, now)) this.ask(urgency);
    this.arm();
  }

  /** After a busy spell the sockets are read once before anything is called too late: Node runs timers first. */
  private expire(now: number, late: boolean): void {
    this.spared = late && !this.spared;
    if (this.spared) return;
    for (;;) {
      const turn = this.deadlines.peek();
      if (!turn || turn.at > now) return;
      turn.http?.abort();
      this.finish(turn, { reason: 'Timeout' });
    }
  }
}

/** Takes out what is due, one after the other. */
function* taken<T extends Timed>(heap: TimedHeap<T>, now: number): Generator<T> {
  for (let head = heap.peek(); head && head.at <= now; head = heap.peek()) {
    heap.pop();
    yield head;
  }
}
