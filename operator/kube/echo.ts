import type { Clock, Timer } from './clock';
import { compareResourceVersions } from './resource-version';

/** How long a silent watch may lack what the reply of a write has told. A healthy one brings it within milliseconds. */
export const ECHO_MS = 5_000;
/** Doubled so often at most, while new watches are as silent: an overloaded API server is not helped by more of them. */
const MOST_DOUBLINGS = 4;

/**
 * Tells a watch that is cut without a word from one where nothing happens: what a write's reply has told must come by
 * the watch, too. It is only missing when nothing at all has come since: whatever comes late is alive.
 */
export class Echo {
  /** Newest version known of by a reply alone. */
  private awaited: string | undefined;
  private timer: Timer | undefined;
  private heardMs = 0;
  private silences = 0;
  private isWatching = false;

  /** @param onMissing called once for a watch, with how often that has happened since one was heard */
  constructor(
    private readonly clock: Clock,
    private readonly onMissing: (times: number) => void,
  ) {}

  /** A watch begins at a position before what is still awaited. */
  begin(): void {
    this.isWatching = true;
    this.heardMs = this.clock.monotonic();
    if (this.awaited !== undefined) this.arm(this.waitMs);
  }

  end(): void {
    this.isWatching = false;
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** The API server has this version: the watch will bring it, or a newer one. */
  expect(version: string): void {
    if (this.awaited !== undefined && compareResourceVersions(version, this.awaited) <= 0) return;
    if (this.awaited === undefined) this.heardMs = this.clock.monotonic();
    this.awaited = version;
    if (this.isWatching && this.timer === undefined) this.arm(this.waitMs);
  }

  /** The watch, or a list, has come up to `version`. */
  heard(version: string): void {
    this.heardMs = this.clock.monotonic();
    this.silences = 0;
    if (this.awaited === undefined || compareResourceVersions(version, this.awaited) < 0) return;
    this.forget();
  }

  /** Nothing is awaited: versions known so far mean nothing any more. */
  forget(): void {
    this.awaited = undefined;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private get waitMs(): number {
    return ECHO_MS * 2 ** Math.min(this.silences, MOST_DOUBLINGS);
  }

  private arm(delayMs: number): void {
    this.timer = this.clock.setTimeout(() => {
      this.timer = undefined;
      const leftMs = this.heardMs + this.waitMs - this.clock.monotonic();
      if (leftMs > 0) {
        this.arm(leftMs);
        return;
      }
      this.silences += 1;
      this.onMissing(this.silences);
    }, delayMs);
  }
}
