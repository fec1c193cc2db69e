import { isDeepStrictEqual } from 'node:util';
import type { HotStandbyStatus } from '../../src/api/types';
import { timestamp } from './conditions';
import { learnedOf } from './learning';
import type { Observation } from './model';
import type { Wanted } from './wanted';

type CapacityStatus = NonNullable<HotStandbyStatus['capacity']>;

/** `status.capacity`, without what was learned. */
export function capacityStatus({ hsd }: Observation, { spare, floor }: Wanted): CapacityStatus {
  const { source, idleTarget, why } = spare;
  const before = hsd.status.capacity;
  // Its rates change with every session: while the number stays, so does the sentence that explains it.
  const isSame = source === 'AutoIdle' && before?.source === source && before.idleTarget === idleTarget;
  return {
    source,
    idleTarget,
    message: isSame && before.message !== undefined ? before.message : `${idleTarget}: ${why}`,
    ...(floor.nextChange !== undefined && { nextChange: timestamp(floor.nextChange) }),
    ...(floor.recommendedIdle !== undefined && { recommendedIdle: floor.recommendedIdle }),
  };
}

/** What was learned rides on a status that is written anyway: by itself it is no reason to write. */
export function withLearned(
  status: HotStandbyStatus,
  { hsd }: Observation,
  wanted: Wanted | undefined,
): HotStandbyStatus {
  if (wanted?.learning === undefined || status.capacity === undefined) return status;
  const written = hsd.status.capacity?.learned;
  const unchanged = { ...status, capacity: { ...status.capacity, ...(written && { learned: written }) } };
  if (isDeepStrictEqual(unchanged, hsd.status)) return unchanged;
  const learned = learnedOf(wanted.learning);
  return learned === undefined ? status : { ...status, capacity: { ...status.capacity, learned: { ...learned } } };
}
