import type { Pod } from '../support/scene';
import type { Marker } from './markers';

export interface SessionLoopOptions {
  /** Pods a session may be tried on, as last heard of. */
  pods: () => Pod[];
  marker: Marker;
  /** Sessions at a time. */
  parallel: number;
  /** A session's length in milliseconds lies between these. */
  shortestMs: number;
  longestMs: number;
}

/** A Pod that could not be found, or none to try: that much later another one is tried. */
const NONE_LEFT_MS = 15;

/** Starts sessions on Pods picked at random and ends them, for as long as it runs. */
export class SessionLoop {
  /** Sessions that started, writes answered with a deletionTimestamp, and Pods that were gone. */
  begun = 0;
  refused = 0;
  gone = 0;
  /** Names of the Pods that went while they were busy. */
  readonly lost: string[] = [];
  private readonly held = new Set<string>();
  private workers: Promise<void>[] = [];
  private running = false;

  constructor(private readonly options: SessionLoopOptions) {}

  start(): void {
    this.running = true;
    this.workers = Array.from({ length: this.options.parallel }, () => this.work());
    // A worker that fails ends the test by stop(), not by an unhandled rejection before.
    for (const worker of this.workers) worker.catch(() => undefined);
  }

  /** Ends every session in the ordinary way. */
  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.workers);
  }

  private async work(): Promise<void> {
    while (this.running) {
      const pod = this.pick();
      if (pod === undefined) await pause(NONE_LEFT_MS);
      else await this.session(pod);
    }
  }

  private pick(): Pod | undefined {
    const { pods, marker } = this.options;
    const free = pods().filter((pod) => !this.held.has(pod.metadata.uid) && marker.isCandidate(pod));
    return free[Math.floor(Math.random() * free.length)];
  }

  private async session(pod: Pod): Promise<void> {
    const { marker, shortestMs, longestMs } = this.options;
    const { uid, name } = pod.metadata;
    this.held.add(uid);
    try {
      const begun = await marker.begin(pod);
      this[begun] += 1;
      if (begun !== 'begun') return;
      await pause(shortestMs + Math.random() * (longestMs - shortestMs));
      if (!(await marker.end(pod))) this.lost.push(name);
    } finally {
      this.held.delete(uid);
    }
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
