import { ApiError, NetworkError } from '../../../operator/kube/errors';
import type { KubeObject, WatchEvent } from '../../../operator/kube/types';
import type { ApiServer, Change } from './api-server';
import type { Resource } from './objects';
import type { ProcessClock, VirtualTime } from './time';

/** What a watch follows. */
export interface Feed {
  resource: Resource;
  /** Empty: all of them. */
  namespace: string;
  selects: (object: KubeObject) => boolean;
}

/** How the watches of one kind are disturbed. */
export interface Disturbance {
  /** Events arrive so much later. */
  delayMs?: number;
  /** Each event comes twice. */
  isRepeating?: boolean;
  /** Nothing arrives any more on those that are open. */
  isMute?: boolean;
}

const LATENCY_MS = 2;
const BOOKMARK_MS = 60_000;

interface Stream {
  feed: Feed;
  lines: (WatchEvent | Error | 'end')[];
  wake: (() => void) | undefined;
  /** Nothing overtakes what was sent before. */
  lastAtMs: number;
  isClosed: boolean;
  isMuted: boolean;
}

/** The watches of one process. */
export class Watches {
  readonly disturbances = new Map<Resource, Disturbance>();
  private readonly streams = new Set<Stream>();

  constructor(
    private readonly server: ApiServer,
    private readonly time: VirtualTime,
    private readonly clock: ProcessClock,
  ) {
    server.watchers.add(this.changed);
  }

  /** The process is no more. */
  close(): void {
    this.server.watchers.delete(this.changed);
  }

  async *open(
    feed: Feed,
    from: number,
    timeoutSeconds: number,
    idleTimeoutMs: number,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent> {
    if (from < this.server.compactedAt) {
      throw new ApiError(410, { code: 410, reason: 'Expired', message: 'too old resource version' });
    }
    const stream: Stream = { feed, lines: [], wake: undefined, lastAtMs: 0, isClosed: false, isMuted: false };
    this.streams.add(stream);
    signal.addEventListener('abort', () => this.push(stream, new NetworkError('Aborted', 'aborted')), { once: true });
    for (const change of this.server.history) if (change.version > from) this.offer(stream, change);
    this.clock.setTimeout(() => this.push(stream, 'end'), timeoutSeconds * 1000);
    this.scheduleBookmark(stream);
    try {
      for (;;) {
        const line = await this.next(stream, idleTimeoutMs);
        if (line === 'end') return;
        if (line instanceof Error) throw line;
        yield line;
      }
    } finally {
      stream.isClosed = true;
      this.streams.delete(stream);
    }
  }

  /** Breaks the connections; what was on its way is lost with them. */
  cut(resource: Resource): void {
    for (const stream of this.of(resource)) {
      stream.lines = [new NetworkError('Reset', 'the watch broke')];
      stream.isClosed = true;
      stream.wake?.();
    }
  }

  /** Open connections say nothing any more, and nobody notices. */
  mute(resource: Resource): void {
    for (const stream of this.of(resource)) stream.isMuted = true;
  }

  private of(resource: Resource): Stream[] {
    return [...this.streams].filter(({ feed }) => feed.resource === resource);
  }

  private readonly changed = (change: Change): void => {
    for (const stream of this.streams) this.offer(stream, change);
  };

  private offer(stream: Stream, { resource, type, object, previous }: Change): void {
    const { feed } = stream;
    if (resource !== feed.resource) return;
    if (feed.namespace !== '' && object.metadata.namespace !== feed.namespace) return;
    const before = previous !== undefined && feed.selects(previous);
    const after = type !== 'DELETED' && feed.selects(object);
    if (!before && !after) return;
    const seen = !after ? 'DELETED' : before ? 'MODIFIED' : 'ADDED';
    const { delayMs = 0, isRepeating } = this.disturbances.get(resource) ?? {};
    for (let copies = isRepeating ? 2 : 1; copies > 0; copies--) this.send(stream, { type: seen, object }, delayMs);
  }

  private send(stream: Stream, line: WatchEvent, delayMs = 0): void {
    if (stream.isMuted) return;
    const atMs = Math.max(stream.lastAtMs, this.time.elapsedMs + LATENCY_MS + delayMs);
    stream.lastAtMs = atMs;
    this.clock.setTimeout(() => this.push(stream, line), atMs - this.time.elapsedMs);
  }

  private push(stream: Stream, line: WatchEvent | Error | 'end'): void {
    if (stream.isClosed) return;
    if (stream.isMuted) return;
    stream.lines.push(line);
    stream.wake?.();
  }

  private scheduleBookmark(stream: Stream): void {
    this.clock.setTimeout(() => {
      if (stream.isClosed) return;
      const metadata = { name: '', uid: '', resourceVersion: String(this.server.version) };
      this.send(stream, { type: 'BOOKMARK', object: { metadata } });
      this.scheduleBookmark(stream);
    }, BOOKMARK_MS);
  }

  private async next(stream: Stream, idleTimeoutMs: number): Promise<WatchEvent | Error | 'end'> {
    if (stream.lines.length === 0) {
      await new Promise<void>((resolve) => {
        const silence = this.clock.setTimeout(() => {
          stream.lines.push(new NetworkError('Timeout', 'no sign of life'));
          resolve();
        }, idleTimeoutMs);
        stream.wake = () => {
          silence.cancel();
          resolve();
        };
      });
      stream.wake = undefined;
    }
    return stream.lines.shift() ?? 'end';
  }
}
