import type { ApiWriter } from './api';
import { Backoff } from './backoff';
import { type Clock, type Random, sleep, type Timer } from './clock';
import { isAlreadyExists, isForbidden, isNotFound, isRetryable, NetworkError } from './errors';
import type { Logger } from './logger';
import { microTime } from './micro-time';
import { paths } from './paths';
import { TokenBucket } from './token-bucket';

/** The object an Event is about. */
export interface Regarding {
  apiVersion: string;
  kind: string;
  /** Empty for cluster-scoped objects: their Events go to `default`. */
  namespace: string;
  name: string;
  uid: string;
}

export interface EventRecord {
  regarding: Regarding;
  type: 'Normal' | 'Warning';
  /** Why, one CamelCase word of at most 128 characters: `ScaledUp`. */
  reason: string;
  /** What was done or tried, one CamelCase word of at most 128 characters: `Scale`. */
  action: string;
  /** For people; cut at 1,024 bytes. */
  note: string;
}

export interface EventRecorderOptions {
  client: Pick<ApiWriter, 'create' | 'mergePatch'>;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Who reports: the Pod's name, or another identity of this process; cut at 128 characters. */
  instance: string;
}

const CONTROLLER = 'paia.tech/hotstandby';
const MAX_NOTE_BYTES = 1024;

/** As client-go's broadcaster: a series ends when it was quiet for 6 minutes, a long one is written every 30. */
const SERIES_QUIET_MS = 6 * 60_000;
const SERIES_REFRESH_MS = 30 * 60_000;
const SWEEP_MS = 60_000;

/** What one object may cost, as client-go's spam filter: 25 Events at once, then one in 5 minutes. */
const OBJECT_BURST = 25;
const OBJECT_REFILL_MS = 5 * 60_000;
/** What the operator may cost: of Warnings 100 at once, then 10 a second; of Normal Events, which tell of its everyday work, 50 and 1. */
const TOTAL = { Warning: { burst: 100, refillMs: 100 }, Normal: { burst: 50, refillMs: 1_000 } };

/** Waiting to be written; more are dropped (an API server that is away for long). */
const MAX_PENDING = 1000;
const MAX_ATTEMPTS = 5;
const FLUSH_REQUEST_MS = 2_000;

/** One Event object and its repetitions. */
interface Series {
  readonly record: EventRecord;
  readonly name: string;
  readonly firstAt: number;
  count: number;
  lastAt: number;
  lastMs: number;
  /** Count the API server knows; 0: the Event has not been created. */
  writtenCount: number;
  writtenMs: number;
}

/**
 * Writes events.k8s.io/v1 Events in the background. A repetition within 6 minutes becomes a count on the first Event: for a
 * Normal Event the same object, reason and action, as in client-go's recorder (many scalings are one Event, with the note
 * of the first); for a Warning the same note too, since that is where the fault is told. Events are help for people, not
 * state: they are bounded in rate and number, and dropped when they cannot be written.
 */
export class EventRecorder {
  private readonly series = new Map<string, Series>();
  private readonly pending = new Set<Series>();
  private readonly objectBuckets = new Map<string, TokenBucket>();
  private readonly totalBuckets = {
    Warning: new TokenBucket(TOTAL.Warning.burst, TOTAL.Warning.refillMs),
    Normal: new TokenBucket(TOTAL.Normal.burst, TOTAL.Normal.refillMs),
  };
  private readonly backoff: Backoff;
  private readonly closing = new AbortController();
  private sweepTimer: Timer | undefined;
  private writing: Promise<void> | undefined;

  constructor(private readonly options: EventRecorderOptions) {
    this.backoff = new Backoff(1000, 30_000, options.random);
  }

  /** Takes note of an Event to write. Never waits, never throws; after `flush()` without effect. */
  record(record: EventRecord): void {
    if (this.closing.signal.aborted) return;
    const nowMs = this.options.clock.monotonic();
    const key = keyOf(record);
    const known = this.series.get(key);
    if (known !== undefined && nowMs - known.lastMs <= SERIES_QUIET_MS) {
      known.count += 1;
      known.lastAt = this.options.clock.now();
      known.lastMs = nowMs;
      // The second makes it a series in kubectl at once; from then on the sweep writes the count.
      if (known.count === 2) this.enqueue(known);
      return;
    }
    if (!this.isWithinLimits(record, nowMs)) return;
    const series = this.newSeries(record, nowMs);
    this.series.set(key, series);
    this.enqueue(series);
    this.sweepTimer ??= this.options.clock.setTimeout(() => this.sweep(), SWEEP_MS);
  }

  /** Writes what is pending, tries each once, and takes no more. Never rejects. */
  async flush(): Promise<void> {
    this.closing.abort();
    this.sweepTimer?.cancel();
    for (const series of this.series.values()) {
      // A count of 1 is being created already, or waits for it.
      if (series.count > Math.max(1, series.writtenCount)) this.enqueue(series);
    }
    await this.writing;
  }

  private isWithinLimits({ regarding, type }: EventRecord, nowMs: number): boolean {
    const objectKey = regarding.uid || `${regarding.kind}/${regarding.namespace}/${regarding.name}`;
    let bucket = this.objectBuckets.get(objectKey);
    if (bucket === undefined) {
      bucket = new TokenBucket(OBJECT_BURST, OBJECT_REFILL_MS);
      this.objectBuckets.set(objectKey, bucket);
    }
    const hasRoom = this.pending.size < MAX_PENDING;
    if (hasRoom && bucket.take(nowMs) && this.totalBuckets[type].take(nowMs)) return true;
    this.options.logger.debug({ namespace: regarding.namespace, name: regarding.name }, 'too many events: one dropped');
    return false;
  }

  private newSeries(record: EventRecord, nowMs: number): Series {
    const now = this.options.clock.now();
    const suffix =
      now.toString(16) +
      Math.floor(this.options.random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0');
    // 253 characters at most, and no part of a DNS name may end in "-" or "."
    const prefix = record.regarding.name.slice(0, 252 - suffix.length).replace(/[-.]+$/, '');
    return {
      record,
      name: `${prefix}.${suffix}`,
      firstAt: now,
      count: 1,
      lastAt: now,
      lastMs: nowMs,
      writtenCount: 0,
      writtenMs: nowMs,
    };
  }

  private enqueue(series: Series): void {
    this.pending.add(series);
    this.writing ??= this.writeAll();
  }

  private async writeAll(): Promise<void> {
    for (const series of this.pending) {
      // Deleted first: a repetition during the write puts it back to the end of the Set, which this loop then reaches.
      this.pending.delete(series);
      await this.writeWithRetries(series);
    }
    this.writing = undefined;
  }

  private async writeWithRetries(series: Series): Promise<void> {
    this.backoff.reset();
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      try {
        return await this.write(series);
      } catch (err) {
        const isLast = attempt === MAX_ATTEMPTS || this.closing.signal.aborted || !isRetryable(err);
        if (isLast) return this.dropped(series, err);
        await sleep(this.options.clock, this.backoff.next(), this.closing.signal);
      }
    }
  }

  private dropped({ record }: Series, err: unknown): void {
    // Nobody answers, and the process wants to end: the rest would wait in vain too.
    if (this.closing.signal.aborted && err instanceof NetworkError) this.pending.clear();
    const { namespace, name } = record.regarding;
    const fields = { err, namespace, name, reason: record.reason };
    // A namespace that is going, or gone, takes no Events: nothing to worry about.
    if (isForbidden(err) || isNotFound(err)) this.options.logger.debug(fields, 'event not written');
    else this.options.logger.warn(fields, 'event not written');
  }

  private async write(series: Series): Promise<void> {
    const { count } = series;
    if (series.writtenCount === 0 || !(await this.patch(series))) await this.create(series);
    series.writtenCount = count;
    series.writtenMs = this.options.clock.monotonic();
  }

  /** False when the Event has been deleted meanwhile (the API server keeps Events for an hour). */
  private async patch(series: Series): Promise<boolean> {
    const path = paths.events.one(namespaceOf(series), series.name);
    try {
      await this.options.client.mergePatch(path, { series: seriesOf(series) }, this.limits());
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  private async create(series: Series): Promise<void> {
    const { regarding, type, reason, action, note } = series.record;
    const namespace = namespaceOf(series);
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: series.name, namespace },
      eventTime: microTime(series.firstAt),
      reportingController: CONTROLLER,
      reportingInstance: this.options.instance.slice(0, 128),
      regarding: { ...regarding, namespace: regarding.namespace || undefined },
      type,
      reason,
      action,
      note: cutToBytes(note, MAX_NOTE_BYTES),
      series: series.count > 1 ? seriesOf(series) : undefined,
    };
    try {
      await this.options.client.create(paths.events.list(namespace), event, this.limits());
    } catch (error) {
      // An attempt whose reply was lost had succeeded.
      if (!isAlreadyExists(error)) throw error;
    }
  }

  private limits(): { timeoutMs?: number } {
    return this.closing.signal.aborted ? { timeoutMs: FLUSH_REQUEST_MS } : {};
  }

  private sweep(): void {
    const nowMs = this.options.clock.monotonic();
    for (const [key, series] of this.series) {
      const isQuiet = nowMs - series.lastMs > SERIES_QUIET_MS;
      const isDue = isQuiet || nowMs - series.writtenMs >= SERIES_REFRESH_MS;
      if (isDue && series.count > Math.max(1, series.writtenCount)) this.enqueue(series);
      if (isQuiet) this.series.delete(key);
    }
    for (const [key, bucket] of this.objectBuckets) {
      if (bucket.isFull(nowMs)) this.objectBuckets.delete(key);
    }
    const isIdle = this.series.size === 0 && this.objectBuckets.size === 0;
    this.sweepTimer = isIdle ? undefined : this.options.clock.setTimeout(() => this.sweep(), SWEEP_MS);
  }
}

function keyOf({ regarding, type, reason, action, note }: EventRecord): string {
  const { kind, namespace, name, uid } = regarding;
  return JSON.stringify([kind, namespace, name, uid, type, reason, action, type === 'Warning' && note]);
}

const namespaceOf = ({ record }: Series): string => record.regarding.namespace || 'default';

function seriesOf(series: Series): { count: number; lastObservedTime: string } {
  return { count: series.count, lastObservedTime: microTime(series.lastAt) };
}

/** `text` in at most `maxBytes` bytes of UTF-8; no character is cut in half. */
function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  const ellipsis = '…';
  let end = maxBytes - Buffer.byteLength(ellipsis);
  // 10xxxxxx is inside a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString() + ellipsis;
}
