import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { writeInstall } from '../../charts/install';
import { ROOT } from '../../root';
import { PACKAGE_VERSION } from '../../src/version';
import { importArguments, importableCrd } from '../../tools/generate/importable-crd';
import { at } from './support';

const read = (...path: string[]) => readFileSync(join(ROOT, ...path), 'utf8');
const folder = join('synth', `v${PACKAGE_VERSION}`);

/** Files below a folder, by their path in it. */
function filesUnder(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map(({ parentPath, name }) => relative(folder, join(parentPath, name))).sort();
}

describe('what is generated and committed', () => {
  let scratch: string;

  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'hotstandby-test-'));
  });
  afterAll(() => {
    rmSync(scratch, { recursive: true });
  });

  test('carries the version of package.json', () => {
    const { version } = JSON.parse(read('package.json'));
    expect(PACKAGE_VERSION).toBe(version);
    // cdk8s-cli empties its output folder: one of another version would be lost.
    expect(parse(read('cdk8s.yaml')).output).toBe(folder);
  });

  test('in synth/ is what the charts make now', () => {
    const outdir = join(scratch, 'synth');
    writeInstall(outdir);
    const files = filesUnder(outdir);
    expect(files).toEqual(filesUnder(join(ROOT, folder)));
    expect(files).toEqual(expect.arrayContaining(['crds.yaml', 'install.yaml', 'operator/kustomization.yaml']));
    for (const file of files) {
      expect(read(folder, file)).toBe(readFileSync(join(outdir, file), 'utf8'));
    }
  });

  test('in src/imports is what cdk8s makes of the CustomResourceDefinition now', () => {
    const crd = join(scratch, 'crd.yaml');
    writeFileSync(crd, stringify(importableCrd()));
    execFileSync(join(ROOT, 'node_modules/.bin/cdk8s'), importArguments(crd, join(scratch, 'imports')), {
      cwd: scratch,
      stdio: 'pipe',
    });
    expect(readFileSync(join(scratch, 'imports/apps.paia.tech.ts'), 'utf8')).toBe(
      read('src/imports/apps.paia.tech.ts'),
    );
  });

  test('for people who import the CustomResourceDefinition is what this package imports', () => {
    expect(parse(read('examples/cdk8s-import/crd.yaml'))).toEqual(JSON.parse(JSON.stringify(importableCrd())));
  });

  test('is the definition and the operator apart, too: together they are install.yaml', () => {
    const objects = (file: string) => parseAllDocuments(read(folder, file)).map((document) => document.toJS());
    const apart = [...objects('crds/crds.yaml'), ...objects('operator/operator.yaml')];
    expect(apart).toHaveLength(objects('install.yaml').length);
    expect(objects('install.yaml')).toEqual(expect.arrayContaining(apart));
  });

  test.each([
    join(folder, 'crds.yaml'),
    join(folder, 'crds/crds.yaml'),
    join(folder, 'install.yaml'),
    'examples/gitops/clusters/production/platform/crds.yaml',
  ])('keeps the definition, and with it every pool, from being pruned: %s', (file) => {
    const documents = parseAllDocuments(read(file)).map((document) => document.toJS());
    const definition = documents.find((manifest) => at(manifest, 'kind') === 'CustomResourceDefinition');
    expect(at(definition, 'metadata', 'annotations')).toMatchObject({
      'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false',
      'kustomize.toolkit.fluxcd.io/prune': 'disabled',
    });
  });

  test('installs from one file what crds.yaml holds, too', () => {
    const [definition] = parseAllDocuments(read(folder, 'crds.yaml')).map((document) => document.toJS());
    const documents = parseAllDocuments(read(folder, 'install.yaml')).map((document) => document.toJS());
    expect(documents.find((m) => at(m, 'kind') === 'CustomResourceDefinition')).toEqual(definition);
  });

  test('gives people the same roles in both roads', () => {
    const objects = (file: string) => parseAllDocuments(read(folder, file)).map((document) => document.toJS());
    const roles = objects('namespace-admins.yaml').filter(
      (role) => at(role, 'metadata', 'name') !== 'hotstandby-install',
    );
    expect(roles).toHaveLength(3);
    expect(objects('install.yaml')).toEqual(expect.arrayContaining(roles));
  });

  test('keeps what older API servers refuse in a file of its own', () => {
    const kinds = (file: string) =>
      parseAllDocuments(read(folder, file)).map((document) => at(document.toJS(), 'kind'));
    expect(kinds('admission-marks.yaml')).toEqual(['MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding']);
    expect(kinds('install.yaml')).not.toContain('MutatingAdmissionPolicy');
  });

  test('holds no YAML anchor, which other parsers may refuse', () => {
    expect(read(folder, 'install.yaml')).not.toMatch(/[&*]a\d/);
  });
});
