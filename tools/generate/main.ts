/**
 * Writes everything that is made from something else: `npm run generate`. With `--check` it fails when that changed a
 * file, which means that somebody forgot to run it, or edited a generated file.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ROOT } from '../../root';
import { run, tool } from '../base/run';
import { synthesize } from '../release/sealed-synth';
import { brokenSeals } from '../release/seals';
import { importArguments, importableCrd } from './importable-crd';

const version: string = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
const output = `synth/v${version}`;
/** Everything below is generated. */
const generated = [
  'src/version.ts',
  'src/imports',
  'examples/cdk8s-import/crd.yaml',
  'docs/api.md',
  output,
  'synth/helm',
  'synth/dashboards',
  'synth/alerts',
  'synth/argocd',
  'synth/flux',
  'examples/gitops/clusters',
  'docs/reference.md',
  'docs/install.md',
  'docs/operations.md',
  'docs/claims.openapi.json',
];

async function main(): Promise<void> {
  checkSeals();
  const before = fingerprints();
  await step('src/version.ts', async () => writeVersion());
  await step('src/imports', importL1);
  await Promise.all([
    step('lib, .jsii', () => run(tool('jsii'), ['--silence-warnings=reserved-word'])).then(() =>
      step('docs/api.md', () => run(tool('jsii-docgen'), ['--output', 'docs/api.md'])),
    ),
    step(output, () => synthesize(version)),
    step('synth/helm, dashboards, alerts, argocd, flux, examples/gitops', () =>
      run(tool('tsx'), ['tools/generate/packages.ts']),
    ),
  ]);
  // A process of its own: it reads the version and the manifests that were written just now.
  await step('docs', () => run(tool('tsx'), ['tools/generate/reference-docs.ts']));
  if (process.argv.includes('--check')) {
    report(before, fingerprints());
  }
}

function checkSeals(): void {
  const broken = brokenSeals(ROOT);
  if (broken.length > 0) throw new Error(broken.join('\n'));
}

function writeVersion(): void {
  const lines = [
    '// Written by `npm run generate` from package.json.',
    '',
    '/** Version of this package, and of the operator image it installs unless told otherwise. */',
    `export const PACKAGE_VERSION = '${version}';`,
    '',
  ];
  writeFileSync(join(ROOT, 'src/version.ts'), lines.join('\n'));
}

async function importL1(): Promise<void> {
  writeFileSync(join(ROOT, 'examples/cdk8s-import/crd.yaml'), stringify(importableCrd()));
  const folder = mkdtempSync(join(tmpdir(), 'hotstandby-import-'));
  try {
    const crd = join(folder, 'crd.yaml');
    writeFileSync(crd, stringify(importableCrd()));
    await run(tool('cdk8s'), importArguments(crd, 'src/imports'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function step(name: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  console.log(`${name} ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

function fingerprints(): Map<string, string> {
  const files = generated.flatMap((path) => filesUnder(path));
  return new Map(
    files.map((file) => [
      file,
      createHash('sha256')
        .update(readFileSync(join(ROOT, file)))
        .digest('hex'),
    ]),
  );
}

function filesUnder(path: string): string[] {
  const stats = statSync(join(ROOT, path), { throwIfNoEntry: false });
  if (stats === undefined) {
    return [];
  }
  return stats.isDirectory() ? readdirSync(join(ROOT, path)).flatMap((entry) => filesUnder(join(path, entry))) : [path];
}

function report(before: Map<string, string>, after: Map<string, string>): void {
  const files = new Set([...before.keys(), ...after.keys()]);
  const changed = [...files].filter((file) => before.get(file) !== after.get(file));
  if (changed.length > 0) {
    throw new Error(`not up to date: ${changed.join(', ')}; run npm run generate and commit the result`);
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
