import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Clock } from './clock';
import type { TlsSettings } from './connection';

/** Files the settings came from; those that were given as text have none. */
export type TlsFiles = Partial<Record<'ca' | 'cert' | 'key', string>>;

/** How often they are read again. Certificates are renewed hours before they expire. */
const READ_AGAIN_MS = 60_000;
/** The same while the server refuses what was read last. */
const RETRY_MS = 1_000;

/**
 * Certificates in files that something else renews (cert-manager, the kubelet, a cluster's rotation of its authority).
 * Gives the same object while nothing has changed. Files that cannot be read, or do not fit each other yet because only
 * one of them has been replaced, leave everything as it was.
 */
export class TlsFileReader {
  private readAtMs: number;

  constructor(
    private readonly files: TlsFiles,
    private settings: TlsSettings,
    private readonly clock: Clock,
  ) {
    this.readAtMs = clock.monotonic();
  }

  /** @param isRefused the server did not take the last ones, or they did not take the server */
  async read(isRefused: boolean): Promise<TlsSettings> {
    const now = this.clock.monotonic();
    if (now - this.readAtMs < (isRefused ? RETRY_MS : READ_AGAIN_MS)) return this.settings;
    this.readAtMs = now;
    const fresh = await this.fresh();
    if (fresh !== undefined && isUsable(fresh)) this.settings = fresh;
    return this.settings;
  }

  /** undefined when nothing has changed, or something cannot be read. */
  private async fresh(): Promise<TlsSettings | undefined> {
    try {
      const names = Object.keys(this.files) as (keyof TlsFiles)[];
      const read = await Promise.all(
        names.map(async (name) => [name, await readFile(this.files[name] ?? '')] as const),
      );
      const changed = read.filter(([name, content]) => !content.equals(Buffer.from(this.settings[name] ?? '')));
      return changed.length === 0 ? undefined : { ...this.settings, ...Object.fromEntries(changed) };
    } catch {
      return undefined;
    }
  }
}

function isUsable({ ca, cert, key }: TlsSettings): boolean {
  try {
    createSecureContext({ ca, cert, key });
    return true;
  } catch {
    return false;
  }
}
