import { DEFAULTS } from '../../src/api/defaults';
import type { HsdView } from '../decide/model';
import type { ProbeSpec } from './prober';

/**
 * How Pods of an hsd are probed, defaults filled in (an hsd made before a default existed lacks it). In annotation mode
 * too while `busyProbe.http` is there: Pods that were started for probes live on until their session ends.
 */
export function probeSpecOf({ spec }: HsdView): ProbeSpec | undefined {
  if (spec.busyProbe?.mode !== 'http' && spec.busyProbe?.http === undefined) return undefined;
  return { ...DEFAULTS.busyProbe.http, ...spec.busyProbe.http };
}
