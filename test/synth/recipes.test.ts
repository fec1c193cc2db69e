import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { specSchema } from '../../src/api/schema';
import { blocksOf, read } from '../docs/support/markdown';
import { AppFolder } from '../unit/examples/app-folder';
import { schemaErrors } from '../unit/examples/schema-errors';
import { at, type Manifest, only } from './support';

// tsc and tsx take seconds each on a busy machine of 2 cores.
jest.setTimeout(120_000);

const recipes = blocksOf('docs/recipes.md')
  .filter(({ language }) => language === 'ts')
  .map(({ text }) => ({ text, name: text.match(/new Chart\(app, '([\w-]+)'/)?.[1] ?? '' }));

describe('docs/recipes.md', () => {
  let app: AppFolder;
  const manifests = (name: string): Manifest[] =>
    parseAllDocuments(readFileSync(join(app.path, `dist/${name}.k8s.yaml`), 'utf8')).map((document) => document.toJS());

  beforeAll(() => {
    app = new AppFolder('recipes');
    app.install(['cdk8s', 'cdk8s-plus-28', 'constructs', '@types/node']);
    app.save('tsconfig.json', read('examples/cdk8s-app/tsconfig.json'));
    for (const { name, text } of recipes) app.save(`${name}.ts`, text);
    // One process for all of them.
    app.save('all.ts', recipes.map(({ name }) => `import './${name}';\n`).join(''));
    app.run('tsx', 'all.ts');
  });
  afterAll(() => app.remove());

  test('has a recipe of each kind', () => {
    expect(recipes.map(({ name }) => name)).toEqual([
      'game-server',
      'ai-sandbox',
      'ci-runner',
      'notebook',
      'browser-pool',
      'adopted',
    ]);
  });

  test('type-checks', () => {
    rmSync(join(app.path, 'all.ts'));
    expect(app.run('tsc', '-p', app.path)).toBe('');
  });

  test.each(recipes)('$name makes a HotStandbyDeployment its schema accepts', ({ name }) => {
    const { spec } = only(manifests(name), 'HotStandbyDeployment');
    expect(schemaErrors(specSchema, spec)).toEqual([]);
    expect(at(spec, 'idleTarget')).toBeGreaterThan(0);
    expect(at(spec, 'maxReplicas')).toBeGreaterThan(Number(at(spec, 'idleTarget')));
  });

  test.each(recipes)('$name has Pods that do not run as root, nor with a token they do not need', ({ name, text }) => {
    const pod = at(only(manifests(name), 'HotStandbyDeployment'), 'spec', 'podTemplate', 'spec');
    expect(at(pod, 'automountServiceAccountToken')).toBe(text.includes('selfAnnotating'));
    for (const container of Object.values(Object(at(pod, 'containers')))) {
      expect(at(container, 'securityContext')).toMatchObject({ runAsNonRoot: true, allowPrivilegeEscalation: false });
    }
  });

  test.each<[string, string[]]>([
    ['game-server', ['HotStandbyDeployment', 'Role', 'RoleBinding', 'Service', 'ServiceAccount']],
    ['ai-sandbox', ['HotStandbyDeployment', 'NetworkPolicy', 'Role', 'RoleBinding', 'ServiceAccount']],
    ['ci-runner', ['HotStandbyDeployment', 'Role', 'RoleBinding', 'ServiceAccount']],
    ['notebook', ['HotStandbyDeployment', 'Service']],
    ['browser-pool', ['HotStandbyDeployment', 'Service']],
    ['adopted', ['HotStandbyDeployment', 'Service']],
  ])('%s makes what its text says', (name, kinds) => {
    expect(
      manifests(name)
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(kinds);
  });

  test.each(recipes)('every object of $name has a name', ({ name }) => {
    expect(manifests(name).filter(({ metadata }) => typeof metadata.name !== 'string')).toEqual([]);
  });

  test('the game server is reached by UDP', () => {
    const ports = at(only(manifests('game-server'), 'Service'), 'spec', 'ports');
    expect(ports).toEqual([{ name: 'game', port: 7777, protocol: 'UDP', targetPort: 7777 }]);
  });

  test('the sandbox runs under its own kernel and talks to nobody', () => {
    const found = manifests('ai-sandbox');
    expect(at(only(found, 'HotStandbyDeployment'), 'spec', 'podTemplate', 'spec', 'runtimeClassName')).toBe('gvisor');
    const policy = at(only(found, 'NetworkPolicy'), 'spec');
    expect(at(policy, 'policyTypes')).toEqual(['Egress', 'Ingress']);
    expect([at(policy, 'ingress'), at(policy, 'egress')]).toEqual([undefined, undefined]);
  });
});
