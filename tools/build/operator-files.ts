/**
 * What the operator's image is made of: `npx tsx tools/build/operator-files.ts FOLDER` writes the bundle, its source map, its
 * bill of materials and its licences. Used by operator/Dockerfile, and by operator-image.ts, which needs no Docker.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_VERSION } from '../../src/version';
import { bundleOperator } from './bundle-operator';
import { bundledPackages } from './bundled-packages';
import { cycloneDx } from './sbom';
import { checkLicenses, thirdPartyNotices } from './third-party';

/** The program, and beside it what is passed on with it. */
export const OPERATOR_FILES = ['operator.cjs', 'operator.cdx.json', 'THIRD-PARTY.txt'] as const;

/** Writes OPERATOR_FILES and `operator.cjs.map`. Throws when a licence is not allowed, before anything but the bundle is there. */
export async function writeOperatorFiles(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const bundle = join(folder, 'operator.cjs');
  const bundled = bundledPackages(await bundleOperator(bundle));
  checkLicenses(bundled.packages);
  const comments = `${bundle}.LEGAL.txt`;
  writeFileSync(join(folder, 'THIRD-PARTY.txt'), thirdPartyNotices(bundled.packages, readFileSync(comments, 'utf8')));
  rmSync(comments);
  const sha256 = createHash('sha256').update(readFileSync(bundle)).digest('hex');
  const bill = cycloneDx(bundled, { version: PACKAGE_VERSION, sha256 });
  writeFileSync(join(folder, 'operator.cdx.json'), `${JSON.stringify(bill, null, 2)}\n`);
}

async function main(folder: string | undefined): Promise<void> {
  if (folder === undefined) throw new Error('no folder given: npx tsx tools/build/operator-files.ts dist/operator');
  await writeOperatorFiles(folder);
}

if (require.main === module) {
  main(process.argv[2]).catch((error: unknown) => {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}
