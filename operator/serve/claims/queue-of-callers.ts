import type { PodView } from '../../decide/model';
import type { Clock, Timer } from '../../kube/clock';
import type { ClaimRequest } from './claim-request';

/** How long the place of a caller that is gone is kept: a load balancer cuts after a minute, and its client asks again. */
export const KEPT_MS = 30_000;

/** One session's place among those who wait for a Pod of one hsd. */
export interface Place {
  readonly sessionId: string;
  readonly username: string;
  readonly request: ClaimRequest;
  /** Requests that wait here now: those of one session share its place. */
  readonly callers: Set<Caller>;
  /** A claim is being written for it. */
  writing: boolean;
  /** Pods that refused its claim for other reasons than having changed. */
  refusals: number;
  /** Runs while nobody is here: the place is given up when it ends. */
  away?: Timer;
}

/** What a place got. */
export interface Served {
  pod: PodView;
  /** Said to one of those who share the place. */
  isFirst: boolean;
}

/** A request that waits. Exactly one of the two is called, once. */
export interface Caller {
  /** Monotonic. */
  readonly since: number;
  /** False: it did not ask to wait, or has waited as long as it wanted. */
  isPatient: boolean;
  served(served: Served): void;
  refused(error: unknown): void;
}

/** Those who wait for a Pod of one hsd, first come, first served. */
export class QueueOfCallers {
  private readonly places = new Map<string, Place>();

  constructor(
    private readonly clock: Clock,
    /** Somebody gave up a place for good. */
    private readonly onLeft: () => void,
  ) {}

  get(sessionId: string): Place | undefined {
    return this.places.get(sessionId);
  }

  /** A place at the end. */
  add(sessionId: string, username: string, request: ClaimRequest): Place {
    const place: Place = { sessionId, username, request, callers: new Set(), writing: false, refusals: 0 };
    this.places.set(sessionId, place);
    return place;
  }

  join(place: Place, caller: Caller): void {
    place.away?.cancel();
    place.away = undefined;
    place.callers.add(caller);
  }

  /** A caller is gone, served or refused; the last one's place is kept for a while. */
  leave(place: Place, caller: Caller): void {
    if (!place.callers.delete(caller) || place.callers.size > 0 || this.get(place.sessionId) !== place) return;
    place.away = this.clock.setTimeout(() => this.remove(place), KEPT_MS);
  }

  /** The place is no more. Whoever stands there must be told. */
  remove(place: Place): void {
    place.away?.cancel();
    if (this.places.get(place.sessionId) === place && this.places.delete(place.sessionId)) this.onLeft();
  }

  /** In order of arrival. */
  all(): Place[] {
    return [...this.places.values()];
  }

  /** Those a Pod could be chosen for now: somebody is there, and none is on its way. */
  *ready(): IterableIterator<Place> {
    for (const place of this.places.values()) if (place.callers.size > 0 && !place.writing) yield place;
  }

  /** Places without a Pod, those kept for callers that are away included. */
  get waiting(): number {
    let count = 0;
    for (const place of this.places.values()) if (!place.writing) count += 1;
    return count;
  }

  get size(): number {
    return this.places.size;
  }

  /** From 1, among those without a Pod. */
  position(wanted: Place): number {
    let position = 0;
    for (const place of this.places.values()) {
      if (!place.writing) position += 1;
      if (place === wanted) break;
    }
    return Math.max(1, position);
  }

  waitingOf(username: string): number {
    return this.all().filter((place) => place.username === username).length;
  }
}
