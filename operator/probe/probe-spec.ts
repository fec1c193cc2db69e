import type { HsdView } from '../decide/model';
import type { ProbeSpec } from './prober';

/**
 * How Pods of an hsd are probed, defaults filled in (an hsd made before a default existed lacks it). In annotation mode
 * too while `busyProbe.http` is there: Pods that were started for probes live on until their session ends.
 */
export function probeSpecOf({ spec }: HsdView): ProbeSpec | undefined {
  if (spec.busyProbe?.mode !== 'http' && spec.busyProbe?.http === undefined) return undefined;
  const {
    port = 8080,
    path = '/busy',
    successIsBusy = true,
    timeoutSeconds = 1,
    periodSeconds = 10,
    scheme = 'HTTP',
    failureThreshold = 1,
    via = 'PodIP',
  } = spec.busyProbe.http ?? {};
  return { port, path, successIsBusy, timeoutSeconds, periodSeconds, scheme, failureThreshold, via };
}
