import { childName } from '../../src/api/names';
import type { HsdView, PodView } from '../decide/model';
import { isLive } from '../decide/pods';
import type { Logger } from '../kube/logger';
import type { Metrics } from './metrics';

export interface LossesOptions {
  metrics: Pick<Metrics, 'addBusyPodsLost'>;
  logger: Logger;
  /** The hsd with this key. */
  hsd: (key: string) => HsdView | undefined;
}

/** Counts a Pod that was ended while busy, whoever ended it, unless its hsd goes, too. */
export function countLoss(
  { metrics, logger, hsd: hsdOf }: LossesOptions,
  { previous, current }: { previous?: PodView; current?: PodView },
): void {
  const wasBusy = previous !== undefined && previous.state === 'busy' && isLive(previous);
  if (!wasBusy || (current !== undefined && isLive(current))) return;
  const hsd = hsdOf(`${previous.namespace}/${previous.hsd}`);
  if (hsd === undefined || hsd.deleting) return;
  metrics.addBusyPodsLost(1);
  const { namespace, name } = previous;
  logger.warn({ namespace, pod: name, child: childName(hsd.name) }, 'a busy Pod was ended');
}
