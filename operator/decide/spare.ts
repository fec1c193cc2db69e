import { DEFAULTS } from '../../src/api/defaults';
import type { HotStandbySpec } from '../../src/api/types';
import { expectedSessions, type Forecast, spareOf } from './auto-idle';
import { windowOf } from './schedules';

/** What asks for idle Pods. The most demanding source decides; on a tie the one named first. */
export const SPARE_SOURCES = ['IdleTarget', 'Schedule', 'AutoIdle', 'IdlePercent'] as const;
export type SpareSource = (typeof SPARE_SOURCES)[number];

/** What a number of spares is made from. */
export interface SpareInput {
  spec: Pick<HotStandbySpec, 'idleTarget' | 'idlePercent' | 'schedules' | 'autoIdle' | 'minReplicas' | 'maxReplicas'>;
  /** Milliseconds since the epoch: schedules go by the calendar. */
  now: number;
  /** What autoIdle has learned; absent while it has seen nothing. */
  forecast?: Forecast;
  /** Seconds from a Pod's creation to its readiness, as seen lately. */
  warmUpSeconds: number;
}

/** All that does not change with the number of busy Pods. */
export interface SpareFloor {
  source: Exclude<SpareSource, 'IdlePercent'>;
  idleTarget: number;
  /** The same in words, without the number. */
  why: string;
  /** Changes when another source decides, and only then. */
  key: string;
  minReplicas: number;
  /** When a window of schedules opens or closes next, in milliseconds since the epoch. */
  nextChange?: number;
  /** What autoIdle asks for, applied or not. */
  recommendedIdle?: number;
}

export interface Spare extends Omit<SpareFloor, 'source'> {
  source: SpareSource;
}

/** Everything composes by max: idleTarget is the floor that no other source takes away. */
export function spareFloor(input: SpareInput): SpareFloor {
  const { spec } = input;
  const windows = (spec.schedules ?? []).flatMap((schedule) => windowOf(schedule, input.now) ?? []);
  const open = windows.filter(({ isOpen }) => isOpen).map(({ schedule }) => schedule);
  const changes = windows.flatMap(({ nextChange }) => nextChange ?? []);
  const recommendedIdle = recommended(input);
  const claims: Pick<SpareFloor, 'source' | 'idleTarget' | 'why' | 'key'>[] = [
    { source: 'IdleTarget', idleTarget: spec.idleTarget, why: 'idleTarget', key: 'IdleTarget' },
    ...open.map(({ name, idleTarget }) => {
      const why = `schedule ${name}`;
      return { source: 'Schedule' as const, idleTarget, why, key: why };
    }),
  ];
  if (recommendedIdle !== undefined && spec.autoIdle?.mode === 'Apply') {
    claims.push({ source: 'AutoIdle', idleTarget: recommendedIdle, why: `auto, ${reckoning(input)}`, key: 'AutoIdle' });
  }
  const highest = claims.reduce((best, claim) => (claim.idleTarget > best.idleTarget ? claim : best));
  return {
    ...highest,
    minReplicas: Math.max(spec.minReplicas ?? DEFAULTS.minReplicas, ...open.map(({ minReplicas = 0 }) => minReplicas)),
    ...(changes.length > 0 && { nextChange: Math.min(...changes) }),
    ...(recommendedIdle !== undefined && { recommendedIdle }),
  };
}

/** How many idle Pods are wanted beside so many busy ones. */
export function spareBeside(floor: SpareFloor, { idlePercent = 0 }: SpareInput['spec'], busy: number): Spare {
  const share = Math.ceil((busy * idlePercent) / 100);
  if (share <= floor.idleTarget) return floor;
  return {
    ...floor,
    source: 'IdlePercent',
    idleTarget: share,
    why: `idlePercent, ${idlePercent} % of the busy Pods`,
    key: 'IdlePercent',
  };
}

/** What autoIdle asks for; undefined: it is off, or has seen nothing yet. */
function recommended({ spec: { autoIdle, maxReplicas }, forecast }: SpareInput): number | undefined {
  if (autoIdle === undefined || forecast === undefined) return undefined;
  const { min = DEFAULTS.autoIdle.min, max = maxReplicas ?? spareOf(forecast) } = autoIdle;
  return Math.min(max, Math.max(min, spareOf(forecast)));
}

/** "4.1 sessions a minute x 2.3 min to warm up, 99 % of them shall find one". */
function reckoning({ spec, forecast, warmUpSeconds }: SpareInput): string {
  const hitTarget = spec.autoIdle?.hitTarget ?? DEFAULTS.autoIdle.hitTarget;
  if (forecast === undefined) return `${hitTarget} % of sessions shall find one`;
  const minutes = warmUpSeconds / 60;
  const rate = warmUpSeconds > 0 ? expectedSessions(forecast, warmUpSeconds) / minutes : 0;
  const long = minutes < 1 ? `${round(warmUpSeconds)} s` : `${round(minutes)} min`;
  return `${round(rate)} sessions a minute x ${long} to warm up, ${hitTarget} % of them shall find one`;
}

function round(value: number): string {
  return value >= 10 ? value.toFixed(0) : String(Number(value.toFixed(1)));
}

/** What autoIdle is told to aim at. */
export function autoIdleSettings({ autoIdle }: SpareInput['spec']): { hitTarget: number; windowSeconds: number } {
  return {
    hitTarget: (autoIdle?.hitTarget ?? DEFAULTS.autoIdle.hitTarget) / 100,
    windowSeconds: autoIdle?.windowSeconds ?? DEFAULTS.autoIdle.windowSeconds,
  };
}
