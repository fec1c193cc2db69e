import { type BusyWatch, isReady, type Pod, type Scene } from './scene';

/** Sessions at the same time at most: with more, a pool nobody refills would stand still. */
const MOST_SESSIONS = 4;
const FLIP_MS = 100;

/** Sessions that begin and end all the time, ten flips a second, whether anybody refills the pool or not. */
export class Flips {
  count = 0;
  private readonly held: Pod[] = [];
  private running = true;
  private readonly done: Promise<void>;

  constructor(
    private readonly scene: Scene,
    private readonly sessions: BusyWatch,
    private readonly labelSelector: string,
  ) {
    this.done = this.run();
    // Whoever stops it hears of a failure.
    this.done.catch(() => {});
  }

  /** Resolves with how many sessions go on. */
  async stop(): Promise<number> {
    this.running = false;
    await this.done;
    return this.held.length;
  }

  async endAll(): Promise<void> {
    while (this.held.length > 0) await this.end();
  }

  private async run(): Promise<void> {
    while (this.running) {
      if (this.held.length >= MOST_SESSIONS) await this.end();
      else await this.begin();
      this.count += 1;
      await new Promise((resolve) => setTimeout(resolve, FLIP_MS));
    }
  }

  private async end(): Promise<void> {
    const [oldest] = this.held.splice(0, 1);
    if (oldest) await this.sessions.end(oldest);
  }

  private async begin(): Promise<void> {
    const held = new Set(this.held.map(({ metadata }) => metadata.uid));
    const pods = (await this.scene.pods(this.labelSelector)).filter(
      (pod) => isReady(pod) && !held.has(pod.metadata.uid),
    );
    const pod = pods[this.count % Math.max(1, pods.length)];
    if (pod === undefined) return;
    const reply = await this.sessions.start(pod).catch(() => undefined);
    if (reply && reply.metadata.deletionTimestamp === undefined) this.held.push(pod);
  }
}
