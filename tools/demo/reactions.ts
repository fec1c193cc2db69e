/** One session whose child Deployment must grow. */
export interface Timing {
  /** Milliseconds from the busy mark to the event with the child's new replicas; undefined: not yet. */
  ms: number | undefined;
  /**
   * The busy mark was known to be written at this moment: the reply to the write, or the Pod's watch event when an app
   * wrote it and has not told yet. The first counts.
   */
  marked(atMs: number): void;
  /** The write did not happen. */
  cancel(): void;
}

interface Outstanding extends Timing {
  readonly needs: number;
  markedAt?: number;
  reachedAt?: number;
}

/** Measures how fast the child Deployment of each hsd follows its sessions. Moments are monotonic milliseconds. */
export class Reactions {
  private readonly outstanding = new Map<string, Set<Outstanding>>();
  private readonly last = new Map<string, number>();

  /** A session is about to be started; `needs` Pods must be wanted once it has. */
  begin(hsd: string, needs: number): Timing {
    const waiting = this.outstanding.get(hsd) ?? new Set();
    this.outstanding.set(hsd, waiting);
    const timing: Outstanding = {
      needs,
      ms: undefined,
      marked: (atMs) => {
        timing.markedAt ??= atMs;
        this.settle(hsd, timing);
      },
      cancel: () => void waiting.delete(timing),
    };
    waiting.add(timing);
    return timing;
  }

  /** An event says that so many Pods are wanted now. */
  wanted(hsd: string, pods: number, atMs: number): void {
    for (const timing of this.outstanding.get(hsd) ?? []) {
      if (timing.needs > pods) continue;
      timing.reachedAt ??= atMs;
      this.settle(hsd, timing);
    }
  }

  /** The latest measurement of an hsd. */
  lastOf(hsd: string): number | undefined {
    return this.last.get(hsd);
  }

  private settle(hsd: string, timing: Outstanding): void {
    if (timing.markedAt === undefined || timing.reachedAt === undefined) return;
    // The child's event may overtake the Pod's: they travel on two connections.
    timing.ms = Math.max(0, timing.reachedAt - timing.markedAt);
    this.last.set(hsd, timing.ms);
    this.outstanding.get(hsd)?.delete(timing);
  }
}
