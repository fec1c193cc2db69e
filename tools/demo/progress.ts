import type { Clock, Timer } from '../../operator/kube/clock';

/** Longer than the pause between the lines of a build, which speaks for itself. */
const REMIND_MS = 6_000;

/** Says what is going on while the demo starts and stops, with the time since it began. */
export class Progress {
  private readonly startedMs: number;
  private lastLineMs: number;
  private isSilent = false;

  constructor(
    private readonly clock: Clock,
    private readonly write: (line: string) => void,
  ) {
    this.startedMs = clock.monotonic();
    this.lastLineMs = this.startedMs;
  }

  /** One line now. */
  readonly say = (text: string): void => {
    if (this.isSilent) return;
    this.lastLineMs = this.clock.monotonic();
    this.write(`${this.elapsed()}  ${text}`);
  };

  /** From now on there is nothing worth saying. */
  silence(): void {
    this.isSilent = true;
  }

  /** Says `what`, does it, and says that it still goes on whenever nothing else was said for 6 s. */
  async during<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.say(what);
    const stepMs = this.clock.monotonic();
    let timer: Timer | undefined;
    const remind = (): void => {
      const quietMs = this.clock.monotonic() - this.lastLineMs;
      if (quietMs >= REMIND_MS) this.say(`${what} (${Math.round((this.clock.monotonic() - stepMs) / 1000)} s so far)`);
      timer = this.clock.setTimeout(remind, REMIND_MS - Math.min(quietMs, REMIND_MS - 1));
    };
    timer = this.clock.setTimeout(remind, REMIND_MS);
    try {
      return await work();
    } finally {
      timer.cancel();
    }
  }

  /** Seconds since the start, for a column of six: ` 3.2 s`, `75.0 s`. */
  private elapsed(): string {
    const seconds = (this.clock.monotonic() - this.startedMs) / 1000;
    return `${seconds.toFixed(1).padStart(6)} s`;
  }
}
