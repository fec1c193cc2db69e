/**
 * The operator's image without Docker, under the name that synth/ asks for:
 * `npx tsx scripts/operator-image.ts operator.tar`, then on each node `ctr -n k8s.io images import operator.tar`.
 *
 * For tests and for clusters without a registry: its base is made of this machine's libraries. Releases are built by
 * operator/Dockerfile.
 */
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { version } from '../package.json';
import { nodeImage } from '../test/cluster/real/base-images';
import { type Image, imageArchive, imageFromFiles } from '../test/cluster/real/images';
import { nodeTools } from '../test/cluster/real/packages';
import { bundleOperator } from './bundle-operator';

/** What the manifests of this version run. */
export const OPERATOR_IMAGE = `ghcr.io/paia-tech/hotstandby:v${version}`;
/** The one file in it. */
export const OPERATOR_PATH = '/app/operator.cjs';
/** Distroless's `nonroot`. */
export const OPERATOR_USER = '65532';

/** @param bundle what `bundleOperator` wrote */
export function operatorImage(base: Image, bundle: string): Promise<Image> {
  const layer = [
    { to: OPERATOR_PATH, from: bundle, mode: 0o644 },
    { to: `${OPERATOR_PATH}.LEGAL.txt`, from: `${bundle}.LEGAL.txt`, mode: 0o644 },
  ];
  return imageFromFiles({
    name: OPERATOR_IMAGE,
    base,
    layers: [layer],
    // The manifests give arguments, which take the place of Cmd.
    config: { Entrypoint: ['node', OPERATOR_PATH], Cmd: [], User: OPERATOR_USER },
  });
}

async function main(output: string | undefined): Promise<void> {
  if (output === undefined) throw new Error('no file given: npx tsx scripts/operator-image.ts operator.tar');
  const dir = mkdtempSync(join(tmpdir(), 'hotstandby-image-'));
  try {
    const bundle = join(dir, 'operator.cjs');
    const [{ busybox }] = await Promise.all([nodeTools(console.error), bundleOperator(bundle)]);
    const image = await operatorImage(await nodeImage(busybox), bundle);
    await pipeline(Readable.from(imageArchive([image])), createWriteStream(output));
    console.log(`${output}: ${image.name} ${image.manifest.digest}`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

if (require.main === module) {
  main(process.argv[2]).catch((error: unknown) => {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
