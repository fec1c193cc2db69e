import type { ApiReader } from '../kube/api';
import type { Clock, Random } from '../kube/clock';
import type { Logger } from '../kube/logger';
import { paths } from '../kube/paths';
import { Reflector } from '../kube/reflector';
import type { KubeObject } from '../kube/types';
import { type NodeView, projectNode } from './project';

export interface CordonWatchOptions {
  client: ApiReader;
  clock: Clock;
  random: Random;
  logger: Logger;
}

/** Follows which nodes are cordoned (`spec.unschedulable`). */
export class CordonWatch {
  readonly cordoned = new Set<string>();
  private readonly reflector: Reflector<NodeView>;

  /** @param onChange called with a node's name when it was cordoned, uncordoned or removed while cordoned */
  constructor(
    private readonly options: CordonWatchOptions,
    onChange: (node: string) => void,
  ) {
    const { client, clock, random, logger } = options;
    const changed = ({ current, previous }: { current?: NodeView; previous?: NodeView }): void => {
      const name = current?.name ?? previous?.name ?? '';
      const isCordoned = current?.cordoned ?? false;
      if (isCordoned === this.cordoned.has(name)) return;
      if (isCordoned) this.cordoned.add(name);
      else this.cordoned.delete(name);
      onChange(name);
    };
    const transform = (object: KubeObject): NodeView => projectNode(object);
    this.reflector = new Reflector({
      client,
      path: paths.nodes(),
      transform,
      onChange: changed,
      clock,
      random,
      logger,
    });
  }

  start(): void {
    this.reflector.start();
  }

  stop(): Promise<void> {
    return this.reflector.stop();
  }

  get synced(): boolean {
    return this.reflector.synced;
  }

  whenSynced(signal?: AbortSignal): Promise<void> {
    return this.reflector.whenSynced(signal);
  }

  doubt(): void {
    this.reflector.doubt();
  }

  refresh(): Promise<void> {
    return this.reflector.refresh();
  }

  get idleMs(): number {
    return this.options.clock.monotonic() - this.reflector.lastActivityMs;
  }
}
