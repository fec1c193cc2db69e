import { ApiError, isConflict, isNotFound } from '../../../operator/kube/errors';
import { paths } from '../../../operator/kube/paths';
import { STATE_LABEL } from '../../../src/api/names';
import type { PodFeed } from '../support/pod-feed';
import type { Pod } from '../support/scene';
import type { Begun, Marker } from './markers';
import { pause } from './session-loop';
import type { Stand } from './stand';

/** Evictions under way, by Pod uid: what was sent before a Pod was marked may still be carried out. */
const underWay = new Map<string, Promise<boolean>>();

/** HTTP status of an eviction that a budget does not allow. */
const TOO_MANY_REQUESTS = 429;
const ROUNDS = 12;

/** Evicts while other Pods of the same hsd turn busy and idle all the time, so that the budget moves. */
export async function evictAllMeanwhile(stand: Stand): Promise<void> {
  const others = stand.ready.length > 0 ? stand.loop({ among: 'others' }) : undefined;
  others?.start();
  try {
    await evictAll(stand);
  } finally {
    await others?.stop();
  }
}

/** Asks the API server to evict every Pod there is, again and again, before a template change and after it. */
export async function evictAll(stand: Stand): Promise<void> {
  let refused = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    if (round === ROUNDS / 2) await stand.changeImage(2);
    const allowed = await Promise.all(stand.live.map((pod) => evict(stand, pod)));
    refused += allowed.filter((isAllowed) => !isAllowed).length;
    await pause(150);
  }
  if (stand.ready.length > 0) expect(refused).toBeGreaterThanOrEqual(ROUNDS);
}

/** Resolves with whether it was allowed, which it is, too, for a Pod that is gone. */
async function evict({ scene }: Stand, { metadata }: Pod): Promise<boolean> {
  const { name, namespace, uid } = metadata;
  const path = paths.pods.one(scene.namespace, name, 'eviction');
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
  const sent = scene.api.create(path, body).then(
    () => true,
    (error: unknown) => {
      if (error instanceof ApiError && error.code === TOO_MANY_REQUESTS) return false;
      if (isNotFound(error) || isConflict(error)) return true;
      throw error;
    },
  );
  underWay.set(uid, sent);
  try {
    return await sent;
  } finally {
    underWay.delete(uid);
  }
}

/**
 * No admission policy sees the Pod of an eviction, so the budget alone refuses it, from the moment the operator's mark
 * is on the Pod. Sessions count from there; what is evicted between the busy write and the mark is counted apart.
 */
export class MarkedMarker implements Marker {
  readonly kind;
  /** Pods evicted after their busy write was answered and before they were marked. */
  early = 0;

  constructor(
    private readonly inner: Marker,
    private readonly feed: PodFeed,
  ) {
    this.kind = inner.kind;
  }

  isCandidate(pod: Pod): boolean {
    return this.inner.isCandidate(pod);
  }

  async begin(pod: Pod): Promise<Begun> {
    const begun = await this.inner.begin(pod);
    if (begun !== 'begun') return begun;
    const { uid } = pod.metadata;
    for (;;) {
      const seen = this.feed.get(uid);
      if (seen === undefined || seen.metadata.deletionTimestamp !== undefined) return this.tooEarly();
      if (seen.metadata.labels?.[STATE_LABEL] === 'busy') break;
      await pause(5);
    }
    if (await underWay.get(uid)) return this.tooEarly();
    return 'begun';
  }

  end(pod: Pod): Promise<boolean> {
    return this.inner.end(pod);
  }

  private tooEarly(): Begun {
    this.early += 1;
    return 'refused';
  }
}
