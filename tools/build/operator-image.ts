/**
 * The operator's image without Docker, under the name that synth/ asks for:
 * `npx tsx tools/build/operator-image.ts operator.tar`, then on each node `ctr -n k8s.io images import operator.tar`.
 *
 * For tests and for clusters without a registry: its base is made of this machine's libraries. Releases are built by
 * operator/Dockerfile.
 */
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PACKAGE_VERSION } from '../../src/version';
import { dockerfileConfig } from './dockerfile';
import { bareNodeImage } from './image/base-images';
import { type Image, imageArchive, imageFromFiles } from './image/images';
import { OPERATOR_FILES, writeOperatorFiles } from './operator-files';

/** What the manifests of this version run. */
export const OPERATOR_IMAGE = `ghcr.io/paia-tech/hotstandby:v${PACKAGE_VERSION}`;

/** @param folder what `writeOperatorFiles` wrote */
export async function operatorImage(folder: string): Promise<Image> {
  const files = OPERATOR_FILES.map((name) => ({ to: `/app/${name}`, from: join(folder, name), mode: 0o644 }));
  return imageFromFiles({
    name: OPERATOR_IMAGE,
    base: await bareNodeImage(),
    // Distroless has Node.js at this path.
    layers: [[...files, { to: '/nodejs/bin/node', linkTo: '/usr/local/bin/node' }]],
    config: dockerfileConfig({ VERSION: PACKAGE_VERSION }),
  });
}

async function main(output: string | undefined): Promise<void> {
  if (output === undefined) throw new Error('no file given: npx tsx tools/build/operator-image.ts operator.tar');
  const folder = mkdtempSync(join(tmpdir(), 'hotstandby-image-'));
  try {
    await writeOperatorFiles(folder);
    const image = await operatorImage(folder);
    await pipeline(Readable.from(imageArchive([image])), createWriteStream(output));
    console.log(`${output}: ${image.name} ${image.manifest.digest}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (require.main === module) {
  main(process.argv[2]).catch((error: unknown) => {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
