import { App } from '../../../operator/app';
import { silentLogger } from '../../../operator/kube/logger';
import type { ProbeTransport } from '../../../operator/probe/http-probe';
import { Metrics } from '../../../operator/serve/metrics';
import type { ApiServer } from './api-server';
import { FakeClient, type Wire } from './client';
import { ProcessClock, seeded, type VirtualTime } from './time';

export interface OperatorProcessOptions {
  name: string;
  server: ApiServer;
  time: VirtualTime;
  wire: Wire;
  podIp: ProbeTransport;
  guarded: boolean;
  /** It leads only while it holds the Lease. */
  elects: boolean;
  seed: number;
  /** How wrong its wall clock is. */
  skewMs?: number;
}

/** Nothing reads them here, and making them costs more than a run. */
const metrics = new Metrics({ clock: { now: () => 0, monotonic: () => 0, setTimeout: () => ({ cancel() {} }) } });

/** The whole operator, as main.ts starts it, but for its sockets. */
export class OperatorProcess {
  readonly client: FakeClient;
  readonly clock: ProcessClock;
  private readonly app: App;

  constructor(private readonly options: OperatorProcessOptions) {
    const { name, server, time, wire, podIp, guarded, elects, seed, skewMs } = options;
    this.clock = new ProcessClock(time, skewMs);
    this.client = new FakeClient(name, server, time, wire, this.clock);
    this.app = new App({
      client: this.client,
      serverClock: this.client.serverClock,
      metrics,
      logger: silentLogger,
      identity: name,
      guarded,
      watchNodes: true,
      allowLoopbackPods: false,
      podIp,
      clock: this.clock,
      random: seeded(seed),
      ...(elects && { leaderElection: { namespace: 'default', name: 'hotstandby-operator' } }),
    });
  }

  get name(): string {
    return this.options.name;
  }

  get isAlive(): boolean {
    return !this.client.isDead;
  }

  start(): void {
    // What it still waits for when it is stopped is given up.
    this.app.start().catch(() => undefined);
  }

  /** SIGTERM: it finishes what is under way and gives its Lease back. */
  async stop(): Promise<void> {
    await this.app.stop();
    this.kill();
  }

  /** `kill -9`: what was sent is done, and nothing more happens. */
  kill(): void {
    this.client.isDead = true;
    this.clock.isStopped = true;
    this.client.watches.close();
  }
}
