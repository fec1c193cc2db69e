/** Container images made without a registry or a builder. */
import { createReadStream } from 'node:fs';
import { type Blob, blobPath, buildLayer, type LayerEntry, storeBlob } from './layers';
import { TAR_END, tarHeader, tarMember, tarPadding } from './tar';

/** The part of an image's configuration that says how to run it (OCI image-spec, config.md). */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  /** `NAME=value` each. */
  readonly Env?: readonly string[];
  /** User name or id. Default: root. */
  readonly User?: string;
  readonly WorkingDir?: string;
  /** Said of the image, in its configuration and as annotations of its manifest. */
  readonly Labels?: Readonly<Record<string, string>>;
}

/** An image in the per-user store. */
export interface Image {
  /** Full reference, e.g. `hotstandby.local/node:24`. Not "latest": the kubelet would always pull it. */
  readonly name: string;
  readonly manifest: Blob;
  /** Configuration and layers. */
  readonly blobs: readonly Blob[];
  /** Layers alone, lowest first, for images built on this one. */
  readonly layers: readonly Blob[];
  readonly config: ImageConfig;
}

/** What an image is made of. */
export interface ImageSource {
  readonly name: string;
  /** The image below; its layers are shared and its configuration holds where `config` says nothing. */
  readonly base?: Image;
  /** Layers on top, lowest first. */
  readonly layers: readonly (readonly LayerEntry[])[];
  readonly config: ImageConfig;
}

const ARCHITECTURE: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };
const MEDIA = 'application/vnd.oci.image';

/** Makes an image, or finds it: the same source gives the same digest. */
export async function imageFromFiles({ name, base, layers: sources, config: own }: ImageSource): Promise<Image> {
  const config = { ...base?.config, ...own };
  const layers = [...(base?.layers ?? [])];
  for (const source of sources) layers.push(await buildLayer(source));
  const architecture = ARCHITECTURE[process.arch];
  if (!architecture) throw new Error(`no images for CPU architecture ${process.arch}: only x64 and arm64 are known`);
  const configBlob = await storeBlob(
    JSON.stringify({
      architecture,
      os: 'linux',
      config,
      // Layers are stored uncompressed, so a layer's digest is its diff id.
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
    }),
  );
  const manifest = await storeBlob(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${MEDIA}.manifest.v1+json`,
      config: { mediaType: `${MEDIA}.config.v1+json`, ...configBlob },
      layers: layers.map((layer) => ({ mediaType: `${MEDIA}.layer.v1.tar`, ...layer })),
      annotations: config.Labels,
    }),
  );
  return { name, manifest, blobs: [configBlob, ...layers], layers, config };
}

/**
 * An OCI layout archive of the images, in pieces: what `ctr images import -` reads. Each blob is in it once, those in
 * `present` (digests) not at all: the receiver has them.
 */
export async function* imageArchive(
  images: readonly Image[],
  present: ReadonlySet<string> = new Set(),
): AsyncGenerator<Buffer> {
  const index = {
    schemaVersion: 2,
    mediaType: `${MEDIA}.index.v1+json`,
    manifests: images.map(({ name, manifest }) => ({
      mediaType: `${MEDIA}.manifest.v1+json`,
      ...manifest,
      annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.split(':').at(-1) },
    })),
  };
  yield tarMember('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
  yield tarMember('index.json', Buffer.from(JSON.stringify(index)));
  const blobs = new Map(images.flatMap((image) => [image.manifest, ...image.blobs]).map((blob) => [blob.digest, blob]));
  for (const blob of blobs.values()) {
    if (present.has(blob.digest)) continue;
    const path = `blobs/${blob.digest.replace(':', '/')}`;
    yield tarHeader({ path, mode: 0o644, type: 'file', size: blob.size });
    yield* createReadStream(blobPath(blob), { highWaterMark: 1024 * 1024 });
    yield tarPadding(blob.size);
  }
  yield TAR_END;
}
