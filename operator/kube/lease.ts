import type { Api } from './api';
import { type Clock, type Random, sleep, type Timer } from './clock';
import { isAlreadyExists, isConflict, isNotFound } from './errors';
import type { Logger } from './logger';
import { microTime } from './micro-time';
import { paths } from './paths';
import type { KubeObject } from './types';

/** coordination.k8s.io/v1 Lease, the fields leader election uses. */
interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

export interface LeaderElectorOptions {
  client: Pick<Api, 'get' | 'create' | 'update'>;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Where the Lease lives and what it is called. It is created when absent. */
  namespace: string;
  name: string;
  /** Unique to this process, for example the Pod's name and a random part. */
  identity: string;
  /** How long others wait after the last renewal they saw before they take over. Default: 15,000; whole seconds. */
  leaseDurationMs?: number;
  /** How long after its last renewal the leader still counts itself as leader. Default: 10,000. */
  renewDeadlineMs?: number;
  /** Time between two attempts. Default: 2,000. */
  retryPeriodMs?: number;
  /** Time between two looks while another process leads: how long a Lease given back may lie unused. Default: `retryPeriodMs`. */
  candidatePeriodMs?: number;
  /** This process leads from now on. */
  onStarted: () => void;
  /** It leads no more: stop writing at once. Called once for each `onStarted`. */
  onStopped: () => void;
  /** Somebody (possibly this process) leads, seen for the first time. */
  onNewLeader?: (identity: string) => void;
}

/** What was last read of the Lease, and when by this process's own clock. */
interface Observation {
  lease: Lease;
  atMs: number;
}

/**
 * Leader election on a Lease, as client-go does it: at most one process leads, on two assumptions only, that monotonic
 * clocks run equally fast within (leaseDuration - renewDeadline), and that the API server honours resourceVersions.
 * Wall clocks may differ by any amount: a Lease has expired when it has not changed for its duration while we looked.
 */
export class LeaderElector {
  private readonly leaseDurationMs: number;
  private readonly renewDeadlineMs: number;
  private readonly retryPeriodMs: number;
  private readonly candidatePeriodMs: number;
  private observed: Observation | undefined;
  private reportedLeader: string | undefined;
  /** Monotonic time until which this process leads; undefined while it does not. */
  private leadsUntilMs: number | undefined;
  private expiry: Timer | undefined;
  private lost: AbortController | undefined;

  /** @throws RangeError unless leaseDurationMs > renewDeadlineMs > 1.2 * retryPeriodMs > 0 */
  constructor(private readonly options: LeaderElectorOptions) {
    const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2_000 } = options;
    const isOrdered = leaseDurationMs > renewDeadlineMs && renewDeadlineMs > 1.2 * retryPeriodMs && retryPeriodMs > 0;
    if (!isOrdered || leaseDurationMs % 1000 !== 0) {
      const given = `${leaseDurationMs}, ${renewDeadlineMs}, ${retryPeriodMs}`;
      throw new RangeError(
        `leader election needs leaseDurationMs (whole seconds) > renewDeadlineMs > 1.2 * retryPeriodMs > 0, got ${given}`,
      );
    }
    this.leaseDurationMs = leaseDurationMs;
    this.renewDeadlineMs = renewDeadlineMs;
    this.retryPeriodMs = retryPeriodMs;
    this.candidatePeriodMs = options.candidatePeriodMs ?? retryPeriodMs;
  }

  /** Whether this process may write now. False the moment the renew deadline passes, even while a renewal is under way. */
  isLeader(): boolean {
    return this.lost !== undefined && this.isHolding();
  }

  /**
   * Waits for the leadership, then keeps it. Resolves when it was lost or `signal` aborts; call it again to be a
   * candidate again. After `signal` this process still leads: finish the running writes, then `release()`.
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !(await this.tryAcquire())) await this.waitAsCandidate(signal);
    if (signal.aborted) return;
    const lost = new AbortController();
    this.lost = lost;
    this.watchDeadline();
    this.options.onStarted();
    const ended = AbortSignal.any([signal, lost.signal]);
    await this.pause(ended);
    while (!ended.aborted) {
      await this.renew(lost.signal);
      await this.pause(ended);
    }
  }

  /**
   * Gives the Lease back, so that another process can lead at once instead of after its duration. Stops leading first.
   * Call it when `run` has resolved. Without effect unless this process holds the Lease; never rejects (it then runs out
   * by itself).
   */
  async release(): Promise<void> {
    const held = this.isHolding() ? this.observed?.lease : undefined;
    this.stopLeading();
    if (held === undefined) return;
    const now = microTime(this.options.clock.now());
    const spec: LeaseSpec = {
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: held.spec?.leaseTransitions ?? 0,
    };
    try {
      this.observe(await this.write(held, spec));
    } catch (err) {
      this.options.logger.warn({ err }, 'lease not given back');
    }
  }

  private isHolding(): boolean {
    return this.leadsUntilMs !== undefined && this.options.clock.monotonic() < this.leadsUntilMs;
  }

  private async tryAcquire(): Promise<boolean> {
    // Measured from before the request: others count from after the write at the earliest.
    const startedMs = this.options.clock.monotonic();
    const isHeld = await this.safeAttempt();
    if (isHeld) this.leadsUntilMs = startedMs + this.renewDeadlineMs;
    return isHeld === true;
  }

  private async renew(lost: AbortSignal): Promise<void> {
    const startedMs = this.options.clock.monotonic();
    const isHeld = await this.safeAttempt();
    // A renewal that ends after the deadline comes too late: this process has said that it stopped.
    if (lost.aborted || isHeld === undefined) return;
    if (!isHeld) return this.stopLeading();
    this.leadsUntilMs = startedMs + this.renewDeadlineMs;
    this.watchDeadline();
  }

  /** Whether this process holds the Lease after the attempt; undefined: not known, the attempt failed. */
  private async safeAttempt(): Promise<boolean | undefined> {
    try {
      return await this.attempt();
    } catch (err) {
      // On a conflict somebody else wrote, and the next attempt reads first.
      if (isConflict(err) || isAlreadyExists(err)) this.options.logger.debug({ err }, 'lease changed meanwhile');
      else this.options.logger.warn({ err }, 'lease request failed');
      return undefined;
    }
  }

  private async attempt(): Promise<boolean> {
    const lease = await this.read();
    if (lease === undefined) {
      this.observe(await this.createLease());
      return true;
    }
    this.observe(lease);
    const holder = lease.spec?.holderIdentity;
    if (holder && holder !== this.options.identity && !this.hasExpired()) return false;
    this.observe(await this.write(lease, this.nextSpec(lease)));
    return true;
  }

  private nextSpec({ spec }: Lease): LeaseSpec {
    const now = microTime(this.options.clock.now());
    const isOurs = spec?.holderIdentity === this.options.identity;
    return {
      holderIdentity: this.options.identity,
      leaseDurationSeconds: this.leaseDurationMs / 1000,
      acquireTime: (isOurs ? spec?.acquireTime : undefined) ?? now,
      renewTime: now,
      leaseTransitions: (spec?.leaseTransitions ?? 0) + (isOurs ? 0 : 1),
    };
  }

  private hasExpired(): boolean {
    return this.observed !== undefined && this.leftMs(this.observed) <= 0;
  }

  /** Until the Lease that was seen runs out, if it is not renewed. */
  private leftMs({ lease, atMs }: Observation): number {
    return atMs + (lease.spec?.leaseDurationSeconds ?? 0) * 1000 - this.options.clock.monotonic();
  }

  /** The time of an observation only starts anew when the Lease has changed. */
  private observe(lease: Lease): void {
    if (this.observed?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) {
      this.observed = { lease, atMs: this.options.clock.monotonic() };
    }
    const holder = lease.spec?.holderIdentity;
    if (!holder || holder === this.reportedLeader) return;
    this.reportedLeader = holder;
    this.options.onNewLeader?.(holder);
  }

  private async read(): Promise<Lease | undefined> {
    const { client, namespace, name } = this.options;
    try {
      return await client.get<Lease>(paths.leases.one(namespace, name), {}, this.limits());
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  private createLease(): Promise<Lease> {
    const { client, namespace, name, identity } = this.options;
    const now = microTime(this.options.clock.now());
    const spec: LeaseSpec = {
      holderIdentity: identity,
      leaseDurationSeconds: this.leaseDurationMs / 1000,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: 0,
    };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace }, spec };
    return client.create<Lease>(paths.leases.list(namespace), lease, this.limits());
  }

  /** Keeps what others put on the Lease; its resourceVersion makes the write fail when it has changed since. */
  private write(lease: Lease, spec: LeaseSpec): Promise<Lease> {
    const { client, namespace, name } = this.options;
    const next = { ...lease, spec: { ...lease.spec, ...spec } };
    return client.update<Lease>(paths.leases.one(namespace, name), next, this.limits());
  }

  /** Two attempts of two requests must fit into the renew deadline, or one dead connection costs the leadership. */
  private limits(): { timeoutMs: number } {
    return { timeoutMs: this.renewDeadlineMs / 4 };
  }

  private watchDeadline(): void {
    this.expiry?.cancel();
    const leftMs = (this.leadsUntilMs ?? 0) - this.options.clock.monotonic();
    this.expiry = this.options.clock.setTimeout(() => this.stopLeading(), Math.max(0, leftMs));
  }

  private stopLeading(): void {
    this.expiry?.cancel();
    this.leadsUntilMs = undefined;
    const lost = this.lost;
    this.lost = undefined;
    if (lost === undefined) return;
    lost.abort();
    this.options.onStopped();
  }

  private pause(signal: AbortSignal): Promise<void> {
    return sleep(this.options.clock, this.jittered(this.retryPeriodMs), signal);
  }

  /** Until the next look; the moment the Lease runs out is one, or a dead leader's Pods wait for a period more. */
  private waitAsCandidate(signal: AbortSignal): Promise<void> {
    const delayMs = this.jittered(this.candidatePeriodMs);
    const leftMs = this.observed === undefined ? 0 : this.leftMs(this.observed);
    return sleep(this.options.clock, leftMs > 0 ? Math.min(delayMs, leftMs) : delayMs, signal);
  }

  /** Both ways, so that candidates do not stay in step. */
  private jittered(periodMs: number): number {
    return periodMs * (0.8 + 0.4 * this.options.random());
  }
}
