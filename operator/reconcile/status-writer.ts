import { isDeepStrictEqual } from 'node:util';
import type { HotStandbyStatus } from '../../src/api/types';
import type { WriteContext } from '../apply/applier';
import { writeStatus } from '../apply/status';
import type { HsdView } from '../decide/model';
import type { Clock } from '../kube/clock';
import { statusDelayMs } from './status-timing';

/** Monotonic times of one hsd's status. */
interface Times {
  hsdUid: string;
  /** Of the last write. */
  writtenAt: number;
  /** Since when the status differs from what is written. */
  differsSince?: number;
  /** Writes in a row that failed. */
  failures: number;
}

/** Shortest time between two status writes of one hsd: a burst of sessions costs two of them, not hundreds. */
const STATUS_INTERVAL_MS = 500;
/** The same while it is refused, doubled each time: the passes in between succeed, so no queue counts these failures. */
const REFUSED_INTERVAL_MAX_MS = 60_000;

/** Writes each status when it is due: at once where somebody waits for it, else when its burst is over. */
export class StatusWriter {
  private readonly times = new Map<string, Times>();

  constructor(
    private readonly context: WriteContext,
    private readonly clock: Pick<Clock, 'monotonic'>,
  ) {}

  /**
   * @param written the status as it stands
   * @returns milliseconds until it is due; undefined: it was written, or says what is written
   */
  async write(
    key: string,
    hsd: HsdView,
    written: HotStandbyStatus,
    status: HotStandbyStatus,
  ): Promise<number | undefined> {
    const times = this.timesOf(key, hsd);
    const now = this.clock.monotonic();
    times.differsSince = isDeepStrictEqual(written, status) ? undefined : (times.differsSince ?? now);
    if (times.differsSince === undefined) return undefined;
    const delayMs = hsd.deleting ? 0 : statusDelayMs(written, status);
    const waitMs = Math.max(times.differsSince + delayMs, times.writtenAt + intervalMs(times)) - now;
    if (waitMs > 0) return waitMs;
    times.differsSince = undefined;
    times.writtenAt = now;
    times.failures += 1;
    await writeStatus(this.context, hsd, status);
    times.failures = 0;
    return undefined;
  }

  /** The hsd is gone. */
  forget(key: string): void {
    this.times.delete(key);
  }

  private timesOf(key: string, { uid: hsdUid }: HsdView): Times {
    const known = this.times.get(key);
    if (known?.hsdUid === hsdUid) return known;
    const fresh: Times = { hsdUid, writtenAt: Number.NEGATIVE_INFINITY, failures: 0 };
    this.times.set(key, fresh);
    return fresh;
  }
}

function intervalMs({ failures }: Times): number {
  return Math.min(REFUSED_INTERVAL_MAX_MS, STATUS_INTERVAL_MS * 2 ** Math.min(failures, 10));
}
