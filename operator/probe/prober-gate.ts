/**
 * Bounded concurrency that one tenant cannot use up: at most `limit` items run at once, at most `share` of one tenant;
 * the others wait, first come first served within a tenant, tenants in turn. So a namespace full of black-holed
 * addresses with long timeouts delays its own probes and nobody else's.
 */
export class FairGate<T> {
  private inFlight = 0;
  private readonly runningBy = new Map<string, number>();
  /** Tenants with waiting items, the one whose turn it is first. */
  private readonly waiting = new Map<string, Set<T>>();

  /** @param start - begins an item; `release` must be called once when that item is over. */
  constructor(
    private readonly limit: number,
    private readonly share: number,
    private readonly start: (item: T) => void,
  ) {}

  get running(): number {
    return this.inFlight;
  }

  /** Starts `item` now, or keeps it until there is room. */
  offer(tenant: string, item: T): void {
    if (this.hasRoom(tenant)) {
      this.begin(tenant, item);
      return;
    }
    const queue = this.waiting.get(tenant) ?? new Set<T>();
    queue.add(item);
    this.waiting.set(tenant, queue);
  }

  /** Takes back an item that still waits. */
  withdraw(tenant: string, item: T): void {
    const queue = this.waiting.get(tenant);
    if (queue?.delete(item) && queue.size === 0) this.waiting.delete(tenant);
  }

  /** One running item of `tenant` is over: starts the next that fits. */
  release(tenant: string): void {
    this.inFlight--;
    const left = (this.runningBy.get(tenant) ?? 1) - 1;
    if (left > 0) this.runningBy.set(tenant, left);
    else this.runningBy.delete(tenant);
    this.startNext();
  }

  private hasRoom(tenant: string): boolean {
    return this.inFlight < this.limit && (this.runningBy.get(tenant) ?? 0) < this.share;
  }

  private begin(tenant: string, item: T): void {
    this.inFlight++;
    this.runningBy.set(tenant, (this.runningBy.get(tenant) ?? 0) + 1);
    this.start(item);
  }

  private startNext(): void {
    for (const [tenant, queue] of this.waiting) {
      if (!this.hasRoom(tenant)) continue;
      const [item] = queue;
      // Deleting and setting again moves the tenant to the end of the Map's order.
      this.waiting.delete(tenant);
      if (item === undefined) continue;
      queue.delete(item);
      if (queue.size > 0) this.waiting.set(tenant, queue);
      this.begin(tenant, item);
      return;
    }
  }
}
