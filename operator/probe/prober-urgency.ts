import type { Runnable, Turn } from './prober-runner';
import type { Timed } from './prober-schedule';

/** Wait after a question out of turn that got no answer; doubles with each. */
const FIRST_WAIT_MS = 250;
/** The longest; a shorter period is waited for at most. */
const LONGEST_WAIT_MS = 10_000;

/**
 * Questions out of turn to one Pod. One is under way at a time, however often it is asked for: whoever asks meanwhile
 * shares the next one. Where no answer comes, the next waits longer each time: a victim that does not answer is asked
 * for in every pass. `at` is when the next one may be sent, while it waits for that.
 */
export class Urgency implements Timed {
  at = 0;
  slot = -1;
  /** The one that waits for its place or runs. */
  turn: Turn | undefined;
  private asking: (() => void)[] = [];
  private next: (() => void)[] = [];
  private failures = 0;

  constructor(readonly target: Runnable) {}

  /** `over` is called once, when a question that is sent after this is over. */
  join(over: () => void): void {
    const isSent = this.turn !== undefined && this.turn.order > 0;
    (this.turn === undefined || isSent ? this.next : this.asking).push(over);
  }

  /** Somebody waits for a question that is not on its way yet. */
  get isWanted(): boolean {
    return this.turn === undefined && this.next.length > 0;
  }

  /** Nothing to remember. */
  get isIdle(): boolean {
    return this.turn === undefined && this.next.length === 0 && this.failures === 0;
  }

  begin(): void {
    this.asking = this.next;
    this.next = [];
  }

  /** The question under way has an outcome. */
  ended(answered: boolean, now: number): void {
    this.failures = answered ? 0 : this.failures + 1;
    const longest = Math.min(LONGEST_WAIT_MS, this.target.periodMs);
    this.at = answered ? now : now + Math.min(longest, FIRST_WAIT_MS * 2 ** Math.min(this.failures - 1, 30));
    this.turn = undefined;
  }

  /** Calls those the last question was for. */
  tell(): void {
    const asking = this.asking;
    this.asking = [];
    for (const over of asking) over();
  }

  /** Calls everybody: there will be no question. */
  giveUp(): void {
    this.turn = undefined;
    this.tell();
    this.begin();
    this.tell();
  }
}
