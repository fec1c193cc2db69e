import type { Clock } from './clock';

/** A slow answer says little about when it was made. */
const LONGEST_ANSWER_MS = 2_000;
/** What was heard is believed for this time at least, and twice as long at most. */
const WINDOW_MS = 300_000;

/** Bounds of (the server's wall clock - this machine's monotonic one), in milliseconds. */
interface Bounds {
  lowest: number;
  highest: number;
}

/**
 * The API server's wall clock, by the Date of its answers and this machine's monotonic clock: what is written for others
 * to read, and judged by what others wrote, goes by the one clock all of them share. Several API servers may disagree, and
 * one may jump: of all that was heard in the last minutes the two ends are known, and each question takes the safe one.
 */
export class ServerClock {
  private current: Bounds | undefined;
  private previous: Bounds | undefined;
  private currentSince = 0;

  constructor(private readonly clock: Clock) {}

  /** An answer. @param date its header @param sentMs @param receivedMs monotonic times of the request and of this */
  observe(date: string | undefined, sentMs: number, receivedMs: number): void {
    const ms = Date.parse(date ?? '');
    if (Number.isNaN(ms) || receivedMs - sentMs > LONGEST_ANSWER_MS) return;
    if (this.current === undefined || receivedMs - this.currentSince > WINDOW_MS) {
      this.previous = this.current;
      this.current = undefined;
      this.currentSince = receivedMs;
    }
    // The header is in whole seconds, cut off.
    const sample = { lowest: ms - receivedMs, highest: ms + 1_000 - sentMs };
    this.current = around(this.current, sample);
  }

  /** The earliest it can be there now: nothing that is judged over by it is over too early. */
  earliest(): number {
    return this.at(({ lowest }) => lowest);
  }

  /** The latest it can be there now: what ends so long after it ends no earlier for anybody. */
  latest(): number {
    return this.at(({ highest }) => highest);
  }

  /** Before the first answer there is nothing to go by but this machine. */
  private at(end: (bounds: Bounds) => number): number {
    const { current, previous } = this;
    if (current === undefined) return this.clock.now();
    return Math.round(this.clock.monotonic() + end(around(previous, current)));
  }
}

function around(one: Bounds | undefined, other: Bounds): Bounds {
  if (one === undefined) return other;
  return { lowest: Math.min(one.lowest, other.lowest), highest: Math.max(one.highest, other.highest) };
}
