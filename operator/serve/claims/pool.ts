import type { ClaimsView, HsdView, Observation, PodView, ProbeAnswer } from '../../decide/model';
import { isLive, podFacts, type Sight } from '../../decide/pods';
import { claimOrder, etaMs, hasLabels, isClaimable } from '../../decide/sessions';
import type { Clock } from '../../kube/clock';
import { withTrueKeys } from '../../observe/true-keys';
import type { World } from '../../observe/world';
import { type Place, QueueOfCallers } from './queue-of-callers';
import { noPod, type Refusal } from './refusal';

/** What earlier passes over an hsd have seen of its Pods. */
export type Recalled = Pick<Observation, 'seenReady' | 'seenKeys'>;

export interface PoolOptions {
  key: string;
  world: World;
  clock: Clock;
  serverNow: () => number;
  answerOf: (uid: string) => ProbeAnswer | undefined;
  recall: (key: string) => Recalled;
  onLeft: () => void;
}

/** An order of preference is good for this time, unless it has run out: 200 claims a second sort 10 times, not 200. */
const ORDER_MS = 100;
/** Warm-ups the estimate goes by: the middle one of so many last ones. */
const WARM_UPS = 21;

/** What the service knows of one hsd: who waits, which Pods are spoken for, and which come next. */
export class Pool {
  readonly queue: QueueOfCallers;
  /** Pods (uids) a claim is being written to. */
  readonly reserved = new Set<string>();
  /** Versions of Pods (by uid) that refused a claim: another version may take one. */
  private readonly refused = new Map<string, string>();
  private order: PodView[] = [];
  private orderedAt = Number.NEGATIVE_INFINITY;
  private isStale = true;
  private readonly warmUps: number[] = [];

  constructor(private readonly options: PoolOptions) {
    this.queue = new QueueOfCallers(options.clock, options.onLeft);
  }

  /** Nobody waits and nothing is in hand. */
  get isIdle(): boolean {
    return this.queue.size === 0 && this.reserved.size === 0;
  }

  get view(): ClaimsView {
    return { reserved: this.reserved, waiting: this.queue.waiting };
  }

  podChanged({ previous, current }: { previous?: PodView; current?: PodView }): void {
    this.isStale = true;
    const { uid } = current ?? previous ?? { uid: '' };
    if (current?.resourceVersion !== this.refused.get(uid)) this.refused.delete(uid);
    const turnedReady = current?.ready === true && previous !== undefined && previous.readySince === 0;
    if (!turnedReady || current.readySince < current.createdAt) return;
    this.warmUps.push(current.readySince - current.createdAt);
    if (this.warmUps.length > WARM_UPS) this.warmUps.shift();
  }

  /** Anything else that decides which Pods may be chosen has changed. */
  stale(): void {
    this.isStale = true;
  }

  /** Takes the best Pod that has these labels; undefined: there is none. Call `settle` when its write is done. */
  reserve(hsd: HsdView, labels: Readonly<Record<string, string>>): PodView | undefined {
    const isOld = this.options.clock.monotonic() - this.orderedAt > ORDER_MS;
    if (this.isStale && isOld) this.sort(hsd);
    const found = this.take(hsd, labels);
    if (found !== undefined || !this.isStale) return found;
    this.sort(hsd);
    return this.take(hsd, labels);
  }

  /** @param refused the version that did not take the claim */
  settle(pod: PodView, refused?: string): void {
    this.reserved.delete(pod.uid);
    if (refused !== undefined) this.refused.set(pod.uid, refused);
    this.isStale = true;
  }

  /** Seconds until the caller at `position` may have a Pod; undefined when nobody can tell. */
  private etaSeconds(hsd: HsdView, position: number): number | undefined {
    const { world, serverNow } = this.options;
    const facts = podFacts(this.sight(hsd, world.podsOf(hsd)), new Set());
    const starting = facts.filter((f) => !f.busy && !f.pod.ready).map((f) => serverNow() - f.pod.createdAt);
    const sorted = [...this.warmUps].sort((a, b) => a - b);
    const ms = etaMs(position, starting, sorted[Math.floor(sorted.length / 2)], !this.isFull(hsd));
    return ms === undefined ? undefined : Math.max(1, Math.ceil(ms / 1000));
  }

  /** `maxReplicas` leaves no Pod for anybody else. */
  private isFull(hsd: HsdView): boolean {
    const { maxReplicas } = hsd.spec;
    if (maxReplicas === undefined) return false;
    const { world } = this.options;
    const facts = podFacts(this.sight(hsd, world.podsOf(hsd)), new Set());
    return facts.filter((f) => f.busy).length + this.queue.waiting > maxReplicas;
  }

  /** Why the place has no Pod, and when it may have one. */
  refusalFor(hsd: HsdView, place: Place): Refusal {
    const position = this.queue.position(place);
    const etaSeconds = this.etaSeconds(hsd, position);
    const details = {
      position,
      ...(etaSeconds !== undefined && { etaSeconds }),
      retryAfterSeconds: Math.min(30, etaSeconds ?? 5),
    };
    const { key } = this.options;
    if (!this.isFull(hsd)) return noPod('PoolEmpty', `no Pod of ${key} is free`, details);
    const message = `every Pod that maxReplicas (${hsd.spec.maxReplicas}) of ${key} allows is taken`;
    return noPod('MaxReplicasReached', message, details);
  }

  private take(hsd: HsdView, labels: Readonly<Record<string, string>>): PodView | undefined {
    for (const [index, candidate] of this.order.entries()) {
      if (!hasLabels(candidate, labels)) continue;
      const pod = this.newest(hsd, candidate);
      this.order.splice(index, 1);
      if (pod !== undefined && this.isFree(hsd, pod)) {
        this.reserved.add(pod.uid);
        return pod;
      }
      // The one at this place now has not been looked at.
      return this.take(hsd, labels);
    }
    return undefined;
  }

  /** The Pod as it is known now. */
  private newest(hsd: HsdView, { namespace, name, uid }: PodView): PodView | undefined {
    const { world, key } = this.options;
    const pod = world.pods.get(namespace, name);
    return pod?.uid === uid ? withTrueKeys(hsd, [pod], world.replicaSets.of(key))[0] : undefined;
  }

  private isFree(hsd: HsdView, pod: PodView): boolean {
    if (this.refused.get(pod.uid) === pod.resourceVersion) return false;
    const [facts] = podFacts(this.sight(hsd, [pod]), new Set());
    return facts !== undefined && isClaimable(hsd, facts);
  }

  private sort(hsd: HsdView): void {
    const { world, key, clock } = this.options;
    const pods = world.podsOf(hsd).filter(isLive);
    const facts = podFacts(this.sight(hsd, pods), new Set());
    this.order = claimOrder({ hsd, replicaSets: world.replicaSets.of(key), pods }, facts);
    this.orderedAt = clock.monotonic();
    this.isStale = false;
  }

  private sight(hsd: HsdView, pods: readonly PodView[]): Sight {
    const { world, clock, answerOf } = this.options;
    const answers = pods.map(({ uid }) => [uid, answerOf(uid)] as const);
    const probes = new Map(answers.filter((entry): entry is [string, ProbeAnswer] => entry[1] !== undefined));
    const { serverNow, recall, key } = this.options;
    const times = { now: clock.monotonic(), serverNow: serverNow() };
    const seen = { cordoned: world.cordoned, replicaSets: world.replicaSets.of(key), ...recall(key) };
    return { hsd, pods, probes, claims: this.view, ...times, ...seen };
  }
}

/** Why an hsd takes no new sessions at all; undefined: it does. */
export function closedPool(hsd: HsdView | undefined, key: string): Refusal | undefined {
  if (hsd === undefined || hsd.deleting) {
    return noPod('Deleting', `${key} is being deleted: no new sessions`, { retryAfterSeconds: 30 });
  }
  if (hsd.spec.paused !== true) return undefined;
  return noPod('Paused', `${key} is paused (spec.paused): no new sessions`, { retryAfterSeconds: 30 });
}
