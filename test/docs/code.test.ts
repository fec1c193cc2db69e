import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { specSchema } from '../../src/api/schema';
import { AppFolder } from '../unit/examples/app-folder';
import { schemaErrors } from '../unit/examples/schema-errors';
import { blocksOf, read } from './support/markdown';

// tsc and tsx take seconds each on a busy machine of 2 cores.
jest.setTimeout(120_000);

interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: Record<string, unknown>;
}

describe('the cdk8s code of the README, in an app of its own', () => {
  let app: AppFolder;

  beforeAll(() => {
    app = new AppFolder('readme');
    app.install(['cdk8s', 'cdk8s-plus-28', 'constructs', '@types/node']);
    const [code, ...others] = blocksOf('README.md').filter(({ language }) => language === 'ts');
    if (code === undefined || others.length > 0) throw new Error('README.md: one ts block is expected');
    app.save('main.ts', code.text);
    app.save('tsconfig.json', read('examples/cdk8s-app/tsconfig.json'));
  });
  afterAll(() => app.remove());

  it('type-checks', () => {
    expect(app.run('tsc', '-p', app.path)).toBe('');
  });

  it('synthesizes the HotStandbyDeployment, the account that marks its Pods, and the Service over idle ones', () => {
    app.run('tsx', 'main.ts');
    const documents = parseAllDocuments(readFileSync(join(app.path, 'dist/rooms.k8s.yaml'), 'utf8'));
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
