import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { specSchema } from '../../src/api/schema';
import { schemaErrors } from '../unit/examples/schema-errors';
import { blocksOf, ROOT, read } from './support/markdown';

// tsc and tsx take seconds each on a busy machine of 2 cores.
jest.setTimeout(120_000);

interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: Record<string, unknown>;
}

describe('the cdk8s code of the README, in an app of its own', () => {
  let folder: string;
  const run = (program: string, ...args: string[]): string =>
    execFileSync(program, args, {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, PATH: [join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter) },
    });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotstandby-readme-'));
    const library = join(folder, 'node_modules/hotstandby');
    mkdirSync(library, { recursive: true });
    writeFileSync(join(library, 'index.ts'), `export * from ${JSON.stringify(join(ROOT, 'src/index'))};\n`);
    mkdirSync(join(folder, 'node_modules/@types'));
    for (const name of ['cdk8s', 'cdk8s-plus-28', 'constructs', '@types/node']) {
      symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
    }
    const [code, ...others] = blocksOf('README.md').filter(({ language }) => language === 'ts');
    if (code === undefined || others.length > 0) throw new Error('README.md: one ts block is expected');
    writeFileSync(join(folder, 'main.ts'), code.text);
    writeFileSync(join(folder, 'tsconfig.json'), read('examples/cdk8s-app/tsconfig.json'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('type-checks', () => {
    expect(run('tsc', '-p', folder)).toBe('');
  });

  it('synthesizes the HotStandbyDeployment, the account that marks its Pods, and the Service over idle ones', () => {
    run('tsx', 'main.ts');
    const documents = parseAllDocuments(readFileSync(join(folder, 'dist/rooms.k8s.yaml'), 'utf8'));
    const manifests = documents.map((document) => document.toJS() as Manifest);
    expect(manifests.map(({ kind }) => kind).sort()).toEqual([
      'HotStandbyDeployment',
      'Role',
      'RoleBinding',
      'Service',
      'ServiceAccount',
    ]);
    const hsd = manifests.find(({ kind }) => kind === 'HotStandbyDeployment');
    expect(schemaErrors(specSchema, hsd?.spec)).toEqual([]);
    expect(hsd?.spec).toMatchObject({ idleTarget: 3, maxReplicas: 20 });
  });
});
