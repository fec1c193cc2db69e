import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../root';
import { PACKAGE_VERSION } from '../../src/version';
import type { BundledPackage } from '../../tools/build/bundled-packages';
import { dockerfileConfig } from '../../tools/build/dockerfile';
import { OPERATOR_FILES, writeOperatorFiles } from '../../tools/build/operator-files';
import { operatorImage } from '../../tools/build/operator-image';
import { checkLicenses, thirdPartyNotices } from '../../tools/build/third-party';

jest.setTimeout(120_000);

interface Component {
  'bom-ref': string;
  name: string;
  version: string;
  purl: string;
  licenses: [{ license: { id: string } }];
  hashes: [{ alg: string; content: string }];
}
interface Bill {
  bomFormat: string;
  specVersion: string;
  serialNumber: string;
  metadata: { component: { version: string; hashes: [{ content: string }] } };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

describe('what the operator image is made of', () => {
  let folders: [string, string];
  beforeAll(async () => {
    folders = [mkdtempSync(join(tmpdir(), 'hotstandby-a-')), mkdtempSync(join(tmpdir(), 'hotstandby-other-'))];
    for (const folder of folders) await writeOperatorFiles(folder);
  });
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });
  const read = (name: string, folder = folders[0]): string => readFileSync(join(folder, name), 'utf8');
  const bill = (): Bill => JSON.parse(read('operator.cdx.json')) as Bill;

  test('is the program, its bill of materials, its licences, and a source map kept aside', () => {
    expect(readdirSync(folders[0]).sort()).toEqual([...OPERATOR_FILES, 'operator.cjs.map'].sort());
    expect(read('operator.cjs')).not.toContain('sourceMappingURL');
  });

  test('is the same, byte for byte, wherever it is made, and so is the image', async () => {
    for (const name of [...OPERATOR_FILES, 'operator.cjs.map']) expect(read(name, folders[1])).toBe(read(name));
    const [one, other] = await Promise.all(folders.map(operatorImage));
    expect(other?.manifest.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(other?.manifest).toEqual(one?.manifest);
  });

  test('has a CycloneDX bill about this very program', () => {
    const { bomFormat, specVersion, serialNumber, metadata } = bill();
    expect({ bomFormat, specVersion }).toEqual({ bomFormat: 'CycloneDX', specVersion: '1.6' });
    // The pattern of the schema.
    expect(serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    expect(metadata.component.version).toBe(PACKAGE_VERSION);
    const sum = createHash('sha256').update(read('operator.cjs')).digest('hex');
    expect(metadata.component.hashes[0].content).toBe(sum);
  });

  test('names what is bundled, with version, licence and checksum, and nothing that only builds or tests it', () => {
    const names = bill().components.map(({ purl }) => purl.replace(/^pkg:npm\/|@[^@]*$/g, ''));
    expect(names).toEqual(expect.arrayContaining(['undici', 'pino', 'prom-client', '%40kubernetes/client-node']));
    for (const tool of ['esbuild', 'jest', 'typescript', 'cdk8s', 'tsx']) expect(names).not.toContain(tool);
    for (const { purl, version, licenses, hashes } of bill().components) {
      expect(purl.endsWith(`@${version}`)).toBe(true);
      expect(licenses[0].license.id).toMatch(/^[A-Za-z0-9.-]+$/);
      expect(hashes[0]).toEqual({ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) });
    }
  });

  test('has a dependency graph in which every package is reached from the operator', () => {
    const { components, dependencies } = bill();
    const edges = new Map(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
    const reached = new Set<string>();
    const visit = (ref: string): void => {
      if (reached.has(ref)) return;
      reached.add(ref);
      for (const next of edges.get(ref) ?? []) visit(next);
    };
    visit('hotstandby-operator');
    expect([...reached].sort()).toEqual(['hotstandby-operator', ...components.map((it) => it['bom-ref'])].sort());
    expect(edges.size).toBe(components.length + 1);
  });

  test('passes on the licence of each package', () => {
    const notices = read('THIRD-PARTY.txt');
    for (const { name, version } of bill().components) expect(notices).toMatch(new RegExp(`${name} ${version} \\(`));
    expect(notices).toContain('Permission is hereby granted, free of charge');
    expect(notices).toContain('Apache License');
  });
});

describe('licences', () => {
  const aPackage = (license: string): BundledPackage => ({
    name: 'thing',
    version: '1.0.0',
    license,
    integrity: 'sha512-',
    folder: 'node_modules/thing',
  });

  test.each(['MIT', 'Apache-2.0', '(MIT OR GPL-3.0-only)', 'BSD-3-Clause AND MIT'])('%s is allowed', (license) => {
    expect(() => checkLicenses([aPackage(license)])).not.toThrow();
  });

  test.each(['GPL-3.0-only', 'UNLICENSED', 'MIT AND GPL-2.0-only', 'SEE LICENSE IN LICENSE', ''])(
    '%j is not',
    (license) => {
      expect(() => checkLicenses([aPackage('MIT'), aPackage(license)])).toThrow(
        `licences not allowed in the operator: thing@1.0.0 (${license}); allowed are 0BSD, Apache-2.0, BSD-2-Clause, BSD-3-Clause, ISC, MIT`,
      );
    },
  );

  test('a package without the text of its licence is refused', () => {
    expect(() => thirdPartyNotices([{ ...aPackage('MIT'), folder: 'tools' }], '')).toThrow(
      'thing comes without the text of its licence',
    );
  });
});

describe('operator/Dockerfile', () => {
  const dockerfile = readFileSync(join(ROOT, 'operator/Dockerfile'), 'utf8');

  test('runs the program as nonroot, by Node itself', () => {
    const { Entrypoint = [], User, Labels } = dockerfileConfig({ VERSION: '1.2.3', REVISION: 'abc' });
    expect([Entrypoint[0], Entrypoint.at(-1)]).toEqual(['/nodejs/bin/node', '/app/operator.cjs']);
    expect(User).toBe('65532:65532');
    expect(Labels).toMatchObject({
      'org.opencontainers.image.version': '1.2.3',
      'org.opencontainers.image.revision': 'abc',
      'org.opencontainers.image.source': 'https://github.com/paia-tech/hotstandby',
      'org.opencontainers.image.licenses': 'Apache-2.0',
    });
    expect(Object.values(dockerfileConfig({}).Labels ?? {}).filter((value) => value === '')).toEqual([]);
  });

  test('takes its bases by digest, and ends without a shell', () => {
    const bases = [...dockerfile.matchAll(/^FROM (?:--\S+ )?(\S+)/gm)].map(([, base = '']) => base);
    expect(bases.filter((base) => base !== 'scratch' && !/@sha256:[0-9a-f]{64}$/.test(base))).toEqual([]);
    expect(bases.at(-1)).toMatch(/^gcr\.io\/distroless\/nodejs24-/);
  });

  test('copies what its build context lets through', () => {
    const ignore = readFileSync(join(ROOT, 'operator/Dockerfile.dockerignore'), 'utf8');
    const kept = [...ignore.matchAll(/^!(\S+)$/gm)].map(([, path = '']) => path);
    for (const path of kept) expect(existsSync(join(ROOT, path))).toBe(true);
    expect(kept).toEqual(expect.arrayContaining(['package.json', 'package-lock.json', 'operator', 'src', 'tools']));
  });
});
