import { ApiError, isConflict, isNotFound } from '../../../operator/kube/errors';
import { paths } from '../../../operator/kube/paths';
import { BUSY_KEY_ANNOTATION, STATE_LABEL } from '../../../src/api/names';
import { marksManifests } from '../../../src/install/marks';
import { addPolicy, type PolicyManifests, removePolicy } from '../support/policies';
import type { Pod, Scene } from '../support/scene';
import type { Ground } from './ground';
import { type Begun, find, type Marker } from './markers';
import { patiently } from './patiently';
import { pause } from './session-loop';
import type { Stand } from './stand';

/**
 * The last eviction of each Pod, by uid, and whether it was allowed; kept when it is over, since its reply may overtake
 * that of a look at the Pod as it was before. The API server reads the Pod and its budgets, and deletes it then: an
 * eviction that has read a Pod before it was marked may still be carried out.
 */
const evictions = new Map<string, Promise<boolean>>();

/** HTTP status of an eviction that a budget does not allow. */
const TOO_MANY_REQUESTS = 429;
const ROUNDS = 12;

/** Evicts while other Pods of the same hsd turn busy and idle all the time. */
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
function evict({ scene }: Stand, { metadata }: Pod): Promise<boolean> {
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
  evictions.set(uid, sent);
  return sent;
}

/**
 * From when on a session counts in a row of evictions. `write`: the busy write's reply, where the marks policy labels the
 * Pod with it. `mark`: the operator's label, some milliseconds later.
 */
export type Counted = 'write' | 'mark';

/** The policy that labels a busy Pod in the namespace of one ground. */
function marksOf({ scene }: Ground): PolicyManifests {
  return marksManifests({ name: `marks-${scene.namespace}`, labels: {}, namespaces: [scene.namespace] });
}

/** Resolves when it labels. */
export async function addMarksPolicy(ground: Ground): Promise<void> {
  const { scene } = ground;
  await addPolicy(scene, marksOf(ground));
  await patiently(async () => {
    const [pod] = await scene.pods(`${STATE_LABEL}=idle`);
    const path = paths.pods.one(scene.namespace, pod?.metadata.name ?? '');
    const busyKey = pod?.metadata.annotations?.[BUSY_KEY_ANNOTATION] ?? '';
    const body = { metadata: { annotations: { [busyKey]: 'true' } } };
    const reply = await scene.api.mergePatch<Pod>(path, body, { query: { dryRun: 'All' } });
    expect(reply.metadata.labels?.[STATE_LABEL]).toBe('busy');
  });
}

export function removeMarksPolicy(ground: Ground): Promise<void> {
  return removePolicy(ground.scene, marksOf(ground));
}

/** Sessions from when they count on; what was evicted before, or by an eviction that was under way, is counted apart. */
export class CountedMarker implements Marker {
  readonly kind;
  early = 0;

  constructor(
    private readonly inner: Marker,
    private readonly scene: Scene,
    private readonly counted: Counted,
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
    if (this.counted === 'mark' && !(await this.isMarked(pod))) return this.tooEarly();
    if (await evictions.get(uid)) return this.tooEarly();
    return 'begun';
  }

  /** Asks the API server itself: a watch may still show the label of the Pod's session before. */
  private async isMarked(pod: Pod): Promise<boolean> {
    for (;;) {
      const seen = await find(this.scene, pod);
      if (seen === undefined || seen.metadata.deletionTimestamp !== undefined) return false;
      if (seen.metadata.labels?.[STATE_LABEL] === 'busy') return true;
      await pause(5);
    }
  }

  end(pod: Pod): Promise<boolean> {
    return this.inner.end(pod);
  }

  private tooEarly(): Begun {
    this.early += 1;
    return 'refused';
  }
}
