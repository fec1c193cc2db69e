import type { PodFeed } from '../support/pod-feed';
import { type Answer, PodServer } from '../support/pod-servers';
import type { Pod } from '../support/scene';

/** One HTTP server for every Pod that `serves` picks, from the moment the feed shows its IP until it is gone. */
export class FedServers {
  private readonly byUid = new Map<string, PodServer>();
  /** One thing after the other per IP: kwok gives the IP of a gone Pod to the next one. */
  private readonly queues = new Map<string, Promise<void>>();
  private readonly unlisten: () => void;
  private failure: unknown;

  /** @param first what a new server answers */
  constructor(
    feed: PodFeed,
    private readonly port: number,
    private readonly first: Answer,
    private readonly serves: (pod: Pod) => boolean,
  ) {
    this.unlisten = feed.listen(({ current, previous }) => {
      if (current) this.open(current);
      else if (previous) this.shut(previous);
    });
  }

  /** The server of a Pod; undefined while it has none. Throws when one could not be opened. */
  of(pod: Pod): PodServer | undefined {
    if (this.failure !== undefined) throw this.failure;
    return this.byUid.get(pod.metadata.uid);
  }

  async close(): Promise<void> {
    this.unlisten();
    await Promise.all(this.queues.values());
    await Promise.all([...this.byUid.values()].map((server) => server.close()));
  }

  private open(pod: Pod): void {
    const ip = pod.status?.podIP;
    if (ip === undefined || this.byUid.has(pod.metadata.uid) || !this.serves(pod)) return;
    const server = new PodServer(ip, this.port, this.first);
    this.byUid.set(pod.metadata.uid, server);
    this.enqueue(ip, () => server.open());
  }

  private shut(pod: Pod): void {
    const server = this.byUid.get(pod.metadata.uid);
    if (server === undefined) return;
    this.byUid.delete(pod.metadata.uid);
    this.enqueue(server.ip, () => server.close());
  }

  private enqueue(ip: string, step: () => Promise<void>): void {
    const done = (this.queues.get(ip) ?? Promise.resolve()).then(step).catch((error: unknown) => {
      this.failure = error;
    });
    this.queues.set(ip, done);
  }
}
