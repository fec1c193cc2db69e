/** Layers of images, kept by digest in the per-user cache, so that images with a common base share its bytes. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheDirectory } from '../../base/cache';
import { TAR_END, tarHeader, tarPadding } from './tar';

/** Something to put into a layer. `to` is a path in the image; its parent folders come by themselves. */
export type LayerEntry =
  | { readonly to: string; readonly from: string; readonly mode?: number }
  | { readonly to: string; readonly content: string; readonly mode?: number }
  | { readonly to: string; readonly linkTo: string }
  | { readonly to: string; readonly directory: true; readonly mode?: number };

/** Stored bytes. */
export interface Blob {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** Path of a blob in the store. */
export function blobPath({ digest }: Pick<Blob, 'digest'>): string {
  return join(store(), 'blobs', digest.replace(':', '/'));
}

/** Stores `content` as it is. */
export async function storeBlob(content: string): Promise<Blob> {
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  const path = blobPath({ digest });
  await mkdir(dirname(path), { recursive: true });
  await replace(path, (part) => writeFile(part, content));
  return { digest, size: Buffer.byteLength(content) };
}

/**
 * The layer that holds `entries`; the same entries give the same bytes on every machine. Made once: a layer is found
 * again by its entries and its source files' sizes and times, without reading them.
 */
export async function buildLayer(entries: readonly LayerEntry[]): Promise<Blob> {
  const complete = withParents(entries);
  const known = join(store(), 'layers', await fingerprint(complete));
  const found = await readBlob(known);
  if (found) return found;
  const layer = await writeLayer(complete);
  await mkdir(dirname(known), { recursive: true });
  await replace(known, (part) => writeFile(part, JSON.stringify(layer)));
  return layer;
}

function store(): string {
  return join(cacheDirectory(), 'images');
}

async function readBlob(known: string): Promise<Blob | undefined> {
  try {
    const blob = JSON.parse(await readFile(known, 'utf8')) as Blob;
    const path = blobPath(blob);
    if ((await stat(path)).size !== blob.size) return undefined;
    const now = new Date();
    // Says "in use" where the file system does not record reading (noatime).
    await utimes(path, now, now);
    return blob;
  } catch {
    return undefined;
  }
}

/** Sorted, with every parent folder, each path once (the last entry wins). */
function withParents(entries: readonly LayerEntry[]): LayerEntry[] {
  const byPath = new Map<string, LayerEntry>();
  for (const entry of entries) {
    const to = entry.to.replace(/^\/+/, '').replace(/\/+$/, '');
    for (let parent = dirname(to); parent !== '.'; parent = dirname(parent)) {
      if (!byPath.has(parent)) byPath.set(parent, { to: parent, directory: true });
    }
    byPath.set(to, { ...entry, to });
  }
  return [...byPath.values()].sort((a, b) => (a.to < b.to ? -1 : 1));
}

async function fingerprint(entries: readonly LayerEntry[]): Promise<string> {
  const hash = createHash('sha256');
  for (const entry of entries) {
    hash.update(JSON.stringify(entry));
    if ('from' in entry) {
      const { size, mtimeMs, mode } = await stat(entry.from);
      hash.update(`${size} ${mtimeMs} ${mode}`);
    }
  }
  return hash.digest('hex');
}

async function writeLayer(entries: readonly LayerEntry[]): Promise<Blob> {
  const hash = createHash('sha256');
  const part = join(store(), `layer-${randomUUID()}`);
  await mkdir(store(), { recursive: true });
  const file = await open(part, 'w');
  let size = 0;
  try {
    for await (const chunk of layerBytes(entries)) {
      hash.update(chunk);
      size += chunk.length;
      await file.write(chunk);
    }
  } finally {
    await file.close();
  }
  const layer = { digest: `sha256:${hash.digest('hex')}`, size };
  await mkdir(dirname(blobPath(layer)), { recursive: true });
  await rename(part, blobPath(layer));
  await removeUnused(dirname(blobPath(layer)));
  return layer;
}

/** A new layer often takes an old one's place, of 134 MB if it is that of Node. */
const UNUSED_DAYS = 30;

async function removeUnused(folder: string): Promise<void> {
  const limit = Date.now() - UNUSED_DAYS * 86_400_000;
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const { atimeMs } = await stat(path).catch(() => ({ atimeMs: limit }));
    if (atimeMs < limit) await rm(path, { force: true });
  }
}

async function* layerBytes(entries: readonly LayerEntry[]): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    if ('from' in entry) {
      const source = await stat(entry.from);
      // Group and others read what the owner may: a container seldom runs as the owner.
      const mode = entry.mode ?? (source.mode & 0o100 ? 0o755 : 0o644);
      yield tarHeader({ path: entry.to, mode, type: 'file', size: source.size });
      yield* createReadStream(entry.from, { highWaterMark: 1024 * 1024 });
      yield tarPadding(source.size);
    } else if ('content' in entry) {
      const content = Buffer.from(entry.content);
      yield tarHeader({ path: entry.to, mode: entry.mode ?? 0o644, type: 'file', size: content.length });
      yield content;
      yield tarPadding(content.length);
    } else if ('linkTo' in entry) {
      yield tarHeader({ path: entry.to, mode: 0o777, type: 'symlink', target: entry.linkTo });
    } else {
      yield tarHeader({ path: entry.to, mode: entry.mode ?? 0o755, type: 'directory' });
    }
  }
  yield TAR_END;
}

/** Writes beside the path and renames, so that a reader never sees half a file. */
async function replace(path: string, write: (part: string) => Promise<void>): Promise<void> {
  const part = `${path}-${randomUUID()}`;
  try {
    await write(part);
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}
