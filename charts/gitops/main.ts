/** Writes what GitOps controllers take from this repository, and the example's manifests. Part of `npm run generate`. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EXAMPLE, synthExample } from './example';
import { writeManifests } from './manifests';

async function main(): Promise<void> {
  const root = resolve(__dirname, '../..');
  for (const controller of ['argocd', 'flux'])
    rmSync(join(root, 'synth', controller), { recursive: true, force: true });
  writeManifests(join(root, 'synth'));
  const scratch = mkdtempSync(join(tmpdir(), 'hotstandby-example-'));
  try {
    const clusters = await synthExample(scratch);
    rmSync(join(EXAMPLE, 'clusters'), { recursive: true, force: true });
    cpSync(clusters, join(EXAMPLE, 'clusters'), { recursive: true });
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
