import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../root';
import { PACKAGE_VERSION } from '../../src/version';
import { unreleased, withRelease } from '../../tools/release/changelog';
import { brokenSeals, releases } from '../../tools/release/seals';
import { isNewer, parseVersion } from '../../tools/release/version';

/** `npm run generate`, twice here, takes 15 s, and minutes on a busy machine. */
jest.setTimeout(600_000);

describe('released versions', () => {
  test('are what they were when they were released', () => {
    expect(brokenSeals()).toEqual([]);
  });

  test('can be checked without this project', () => {
    const said = execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], {
      cwd: join(ROOT, 'synth'),
      encoding: 'utf8',
    });
    expect(said).toContain('v0.1.0/install.yaml: OK');
  });

  test('come one after the other, each with every file', () => {
    const versions = releases().map(({ version }) => parseVersion(version));
    for (const [index, version] of versions.slice(1).entries())
      expect(isNewer(version, versions[index] ?? version)).toBe(true);
    for (const { version, files } of releases()) {
      expect([...files.keys()]).toEqual(
        expect.arrayContaining(['crds', 'install', 'namespaced-install'].map((it) => `v${version}/${it}.yaml`)),
      );
    }
  });
});

describe('a version', () => {
  test.each(['1', '1.2', 'v1.2.3', '1.2.3-rc.1', '01.2.3', '1.2.x', ''])('is not %j', (text) => {
    expect(() => parseVersion(text)).toThrow(
      `${JSON.stringify(text)} is not a version: give three numbers, for example 1.2.0`,
    );
  });

  test.each([
    ['0.2.0', '0.1.9', true],
    ['0.10.0', '0.9.0', true],
    ['1.0.0', '0.99.99', true],
    ['0.1.0', '0.1.0', false],
    ['0.9.9', '0.10.0', false],
  ])('%s after %s: %s', (a, b, expected) => {
    expect(isNewer(parseVersion(a), parseVersion(b))).toBe(expected);
  });
});

describe('the changelog', () => {
  const before = '# Changelog\n\n## [Unreleased]\n\n### Fixed\n\n- A thing.\n\n## [0.1.0] - 2026-11-22\n\n- First.\n';

  test('gets the version and the day over what is unreleased', () => {
    expect(withRelease(before, '0.2.0', '2027-01-31')).toBe(
      before.replace('## [Unreleased]', '## [Unreleased]\n\n## [0.2.0] - 2027-01-31'),
    );
  });

  test('says when nothing is unreleased: headings alone are nothing', () => {
    expect(unreleased(before)).toBe('### Fixed\n\n- A thing.');
    expect(unreleased(before.replace('- A thing.\n', ''))).toBe('');
    expect(() => unreleased('# Changelog\n')).toThrow('CHANGELOG.md has no heading "## [Unreleased]"');
  });
});

describe('npm run release:prepare, in a clone', () => {
  let clone: string;
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: clone, encoding: 'utf8' }).trim();
  const prepare = (...args: string[]): { status: number | null; said: string } => {
    const tsx = join(ROOT, 'node_modules/.bin/tsx');
    const { status, stdout, stderr } = spawnSync(tsx, ['tools/release/main.ts', ...args], {
      cwd: clone,
      encoding: 'utf8',
    });
    return { status, said: (stdout + stderr).trim() };
  };
  const read = (path: string): string => readFileSync(join(clone, path), 'utf8');
  const commit = (): void => {
    git('add', '--all');
    git('-c', 'user.name=test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '--message', 'state');
  };

  beforeAll(() => {
    clone = mkdtempSync(join(tmpdir(), 'hotstandby-release-'));
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    for (const file of listed.split('\0').filter((it) => it !== '' && existsSync(join(ROOT, it)))) {
      cpSync(join(ROOT, file), join(clone, file), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'));
    appendFileSync(join(clone, '.gitignore'), 'node_modules\n');
    git('init', '--quiet');
    writeFileSync(
      join(clone, 'CHANGELOG.md'),
      read('CHANGELOG.md').replace('## [Unreleased]\n', '## [Unreleased]\n\n- A change of this test.\n'),
    );
    commit();
  });
  afterAll(() => rmSync(clone, { recursive: true, force: true }));
  afterEach(() => {
    git('checkout', '--quiet', '.');
    git('clean', '-dfq');
  });

  test('explains itself', () => {
    expect(prepare('--help')).toMatchObject({ status: 0, said: expect.stringMatching(/^Usage: [\s\S]*Examples:/) });
  });

  test.each([
    ['no version', [], 'one version is needed, 0 were given: npm run release:prepare 1.2.0'],
    ['two versions', ['1.0.0', '1.0.1'], 'one version is needed, 2 were given: npm run release:prepare 1.2.0'],
    ['what is no version', ['1.2'], '"1.2" is not a version: give three numbers, for example 1.2.0'],
    [
      'a version not after the last one',
      ['0.1.0'],
      expect.stringMatching(/^0\.1\.0 does not come after [\d.]+, the last release: give a higher version$/),
    ],
  ])('refuses %s', (_what, args, message) => {
    const { status, said } = prepare(...args);
    expect({ status, said: said.replace(/^error: /, '') }).toEqual({ status: 1, said: message });
  });

  test('refuses a tree with changes', () => {
    appendFileSync(join(clone, 'README.md'), '\n');
    expect(prepare('99.0.0')).toEqual({
      status: 1,
      said: 'error: the tree has changes, README.md: commit or stash them first',
    });
  });

  test('refuses when released manifests have been changed', () => {
    appendFileSync(join(clone, 'synth/v0.1.0/install.yaml'), '\n');
    expect(prepare('99.0.0').said).toBe(
      'error: synth/v0.1.0/install.yaml is not what was released as v0.1.0; put it back: git checkout HEAD -- synth/v0.1.0',
    );
  });

  test('refuses when nothing is unreleased', () => {
    writeFileSync(
      join(clone, 'CHANGELOG.md'),
      read('CHANGELOG.md').replace(/## \[Unreleased\]\n[\s\S]*?(?=## \[)/, '## [Unreleased]\n\n'),
    );
    commit();
    expect(prepare('99.0.0').said).toBe(
      'error: CHANGELOG.md has nothing under [Unreleased]: say there what this release changes',
    );
    git('reset', '--quiet', '--hard', 'HEAD~1');
  });

  test('leaves the tree as it was when a step fails', () => {
    writeFileSync(join(clone, 'src/api/crd.ts'), "throw new Error('no definition today');\n");
    commit();
    const { status, said } = prepare('99.0.0');
    expect(status).toBe(1);
    expect(said).toContain('no definition today');
    expect(git('status', '--porcelain')).toBe('');
    git('reset', '--quiet', '--hard', 'HEAD~1');
  });

  test('makes a release; afterwards its manifests cannot change, and the next version is opened', () => {
    const head = git('rev-parse', 'HEAD');
    expect(prepare('99.0.0')).toMatchObject({ status: 0, said: expect.stringContaining('v99.0.0 is ready.') });
    expect(JSON.parse(read('package.json')).version).toBe('99.0.0');
    expect(JSON.parse(read('package-lock.json'))).toMatchObject({
      version: '99.0.0',
      packages: { '': { version: '99.0.0' } },
    });
    expect(read('README.md')).toContain('kubectl apply --server-side -f synth/v99.0.0/install.yaml');
    expect(read('synth/v99.0.0/install.yaml')).toContain('image: ghcr.io/paia-tech/hotstandby:v99.0.0\n');
    expect(existsSync(join(clone, 'synth', `v${PACKAGE_VERSION}`))).toBe(
      releases().some(({ version }) => version === PACKAGE_VERSION),
    );
    const today = new Date().toISOString().slice(0, 10);
    expect(read('CHANGELOG.md')).toContain(`## [Unreleased]\n\n## [99.0.0] - ${today}\n\n- A change of this test.\n`);
    expect(releases(clone).at(-1)).toMatchObject({ version: '99.0.0', commit: head, date: today });
    expect(brokenSeals(clone)).toEqual([]);
    const files = git(
      'ls-files',
      'README.md',
      'docs',
      'examples',
      'cdk8s.yaml',
      'src',
      'synth/argocd',
      'synth/flux',
      'synth/helm',
    );
    const named = files.split('\n').filter((file) => read(file).includes(`v${PACKAGE_VERSION}`));
    expect(named).toEqual([]);
    expect(read('docs/install.md')).toContain('--version 99.0.0 ');
    expect(read('synth/helm/hotstandby/Chart.yaml')).not.toContain(PACKAGE_VERSION);
    expect(read('examples/cdk8s-app/package.json')).toContain('"hotstandby": "^99.0.0"');
    commit();

    writeFileSync(
      join(clone, 'charts/install.ts'),
      read('charts/install.ts').replace("kind: 'Kustomization'", "kind: 'Other'"),
    );
    commit();
    const script = "require('./tools/release/sealed-synth').synthesize('99.0.0')";
    const synth = spawnSync(join(ROOT, 'node_modules/.bin/tsx'), ['-e', script], { cwd: clone, encoding: 'utf8' });
    expect(synth.stderr).toContain('v99.0.0 is released, and the code makes other manifests now');
    expect(brokenSeals(clone)).toEqual([]);

    expect(prepare('--open', '99.1.0')).toMatchObject({
      status: 0,
      said: expect.stringContaining('v99.1.0 is what is worked on now.'),
    });
    expect(read('synth/v99.1.0/kustomization.yaml')).toContain('kind: Other');
    expect(read('README.md')).toContain('synth/v99.1.0/install.yaml');
    expect(releases(clone).at(-1)?.version).toBe('99.0.0');
    expect(brokenSeals(clone)).toEqual([]);
  });
});
