import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../../root';
import { run, tool } from '../../tools/base/run';
import { blocksOf } from '../docs/support/markdown';
import type { Step, Workspace } from './step';

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** Everything the package may hold: what users read, what jsii reads, and the compiled constructs with their types. */
const ALLOWED = /^(\.jsii|package\.json|README\.md|CHANGELOG\.md|LICENSE|lib\/[\w./-]+\.(js|d\.ts))$/;
/** Unpacked bytes. Half as much again as today's, so that an operator or a test that slips in shows. */
const MAX_UNPACKED = 1_100_000;

/** The package as it would be published. */
export const packedPackage: Step = {
  name: 'npm: the package holds what its users need, and no dependency',
  async run(workspace) {
    // As on a clean clone: packing has to compile by itself.
    rmSync(join(ROOT, 'lib'), { recursive: true, force: true });
    const args = ['pack', '--json', '--silent', '--foreground-scripts=false', '--pack-destination', workspace.folder];
    const [packed]: Packed[] = JSON.parse(await run('npm', args));
    assert(packed, 'npm pack made nothing');
    workspace.tarball = join(workspace.folder, packed.filename);
    const files = packed.files.map(({ path }) => path);
    assert.deepEqual(
      files.filter((path) => !ALLOWED.test(path)),
      [],
      'files nobody needs',
    );
    for (const needed of ['.jsii', 'LICENSE', 'README.md', 'lib/index.js', 'lib/index.d.ts']) {
      assert(files.includes(needed), `${needed} is not in the package`);
    }
    assert(packed.unpackedSize <= MAX_UNPACKED, `${packed.unpackedSize} bytes unpacked, at most ${MAX_UNPACKED}`);
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    assert.deepEqual(Object.keys(manifest.dependencies ?? {}), [], 'construct users would download these');
    assert.deepEqual(Object.keys(manifest.peerDependencies), ['cdk8s', 'cdk8s-plus-28', 'constructs']);
    await run(tool('publint'), ['run', '--strict', workspace.tarball]);
    return `${files.length} files, ${kilobytes(packed.size)} packed, ${kilobytes(packed.unpackedSize)} unpacked; publint has nothing to say`;
  },
};

interface Manifest {
  readonly kind: string;
  readonly spec: Record<string, unknown>;
}

/** Where `freshFolder` has examples/cdk8s-app and what it wrote. */
export function freshAppFolder({ folder }: Workspace): string {
  return join(folder, 'fresh');
}

/** A person's first day: a folder with the example app, the package from its tarball. */
export const freshFolder: Step = {
  name: "npm: installed in a fresh folder, the example app and the README's code type-check and synthesize",
  async run(workspace) {
    const folder = freshAppFolder(workspace);
    cpSync(join(ROOT, 'examples/cdk8s-app'), folder, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    manifest.dependencies.hotstandby = `file:${workspace.tarball}`;
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder });
    const [code] = blocksOf('README.md').filter(({ language }) => language === 'ts');
    assert(code, 'README.md has no ts block');
    mkdirSync(join(folder, 'readme'));
    writeFileSync(join(folder, 'readme/main.ts'), code.text);

    await run('npm', ['run', 'typecheck'], { cwd: folder });
    await run('npm', ['test'], { cwd: folder });
    await run('npm', ['run', 'synth', '--', '--check-upgrade=false'], { cwd: folder });
    assert.deepEqual(kinds(join(folder, 'dist/rooms.k8s.yaml')), ['HotStandbyDeployment']);
    await run(join(folder, 'node_modules/.bin/tsx'), ['main.ts'], { cwd: join(folder, 'readme') });
    assert(kinds(join(folder, 'readme/dist/rooms.k8s.yaml')).includes('HotStandbyDeployment'));
    return importCost(folder);
  },
};

function kinds(file: string): string[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => (document.toJS() as Manifest).kind);
}

/** What `require` costs on top of cdk8s-plus, which every user has loaded anyway: the median of five processes. */
async function importCost(folder: string): Promise<string> {
  const script = `
    require('cdk8s-plus-28');
    const before = performance.now();
    require('hotstandby');
    console.log(performance.now() - before);`;
  const times: number[] = [];
  for (let i = 0; i < 5; i += 1) times.push(Number(await run(process.execPath, ['-e', script], { cwd: folder })));
  const size = (await run('du', ['-sk', 'node_modules/hotstandby'], { cwd: folder })).split('\t')[0];
  const median = times.sort((a, b) => a - b)[2] ?? Number.NaN;
  assert(median < 500, `importing takes ${median} ms`);
  return `installed ${size} KB; import ${median.toFixed(0)} ms on top of cdk8s-plus`;
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000)} KB`;
}
