import type { ApiClient } from '../../../operator/kube/client';
import { paths } from '../../../operator/kube/paths';
import type { DeploymentObject } from '../../../operator/observe/project';

/** Longer than any quiet time of a test. */
const SILENCE_MS = 600_000;

/** Follows the replicas of a namespace's Deployments and tells when they became a number. */
export class ScaleWatch {
  private readonly replicas = new Map<string, number>();
  private readonly waiting = new Set<{ name: string; replicas: number; arrived: (atMs: number) => void }>();
  private readonly stopping = new AbortController();
  private readonly done: Promise<void>;
  private ended = false;

  constructor(
    private readonly api: ApiClient,
    private readonly namespace: string,
  ) {
    this.done = this.follow();
  }

  /** Time (performance.now()) at which this process heard that Deployment `name` has so many replicas. */
  heard(name: string, replicas: number): Promise<number> {
    if (this.ended) return Promise.reject(new Error('the watch has ended'));
    if (this.replicas.get(name) === replicas) return Promise.resolve(performance.now());
    return new Promise((arrived) => this.waiting.add({ name, replicas, arrived }));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.done;
  }

  private async follow(): Promise<void> {
    const path = paths.deployments.list(this.namespace);
    try {
      for await (const { object } of this.api.watch(path, {}, this.stopping.signal, SILENCE_MS)) {
        const { metadata, spec } = object as DeploymentObject;
        this.settle(metadata.name, spec?.replicas ?? 1, performance.now());
      }
    } catch (error) {
      if (!this.stopping.signal.aborted) throw error;
    } finally {
      this.ended = true;
    }
  }

  private settle(name: string, replicas: number, atMs: number): void {
    this.replicas.set(name, replicas);
    for (const wish of this.waiting) {
      if (wish.name !== name || wish.replicas !== replicas) continue;
      this.waiting.delete(wish);
      wish.arrived(atMs);
    }
  }
}
