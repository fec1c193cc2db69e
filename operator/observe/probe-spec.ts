import type { HsdView } from '../decide/model';
import type { ProbeSpec } from './prober';

/** The probe of an hsd in http mode, defaults filled in (an hsd made before a default existed lacks it). */
export function probeSpecOf({ spec }: HsdView): ProbeSpec | undefined {
  if (spec.busyProbe?.mode !== 'http') return undefined;
  const {
    port = 8080,
    path = '/busy',
    successIsBusy = true,
    timeoutSeconds = 1,
    periodSeconds = 10,
  } = spec.busyProbe.http ?? {};
  return { port, path, successIsBusy, timeoutSeconds, periodSeconds };
}
