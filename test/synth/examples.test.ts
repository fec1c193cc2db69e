import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { EXAMPLE_IMAGES, type ExampleName, examplePath } from '../../examples/images';
import { ROOT } from '../../root';
import { ANNOTATOR_LABEL, API_VERSION, DEFAULT_BUSY_ANNOTATION, KIND } from '../../src/api/names';
import { specSchema } from '../../src/api/schema';
import type { HotStandbySpec } from '../../src/api/types';
import { AppFolder } from '../unit/examples/app-folder';
import { hasProgram } from '../unit/examples/languages';
import { schemaErrors } from '../unit/examples/schema-errors';

const EXAMPLES = Object.keys(EXAMPLE_IMAGES) as ExampleName[];
const SELF_ANNOTATING = EXAMPLES.filter((name) => name !== 'http');
// `go vet` and `cdk8s synth` take half a minute each on a busy machine of 2 cores.
const SLOW_MS = 300_000;

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: HotStandbySpec;
}

interface Container {
  image: string;
  imagePullPolicy: string;
  env?: { name: string; valueFrom: { fieldRef: { fieldPath: string } } }[];
  readinessProbe: { httpGet: { path: string } };
  resources: { requests: Record<string, string> };
  securityContext: Record<string, unknown>;
}

function manifests(...path: string[]): Manifest[] {
  return parseAllDocuments(readFileSync(examplePath(...path), 'utf8')).map((document) => document.toJS() as Manifest);
}

function hotStandbyDeployment(example: ExampleName): Manifest {
  const [manifest, ...others] = manifests(example, 'hsd.yaml');
  if (!manifest || others.length > 0) throw new Error(`examples/${example}/hsd.yaml: one document is expected`);
  return manifest;
}

function onlyContainer(example: ExampleName): Container {
  const [container, ...others] = hotStandbyDeployment(example).spec.podTemplate.spec.containers;
  if (!container || others.length > 0) throw new Error(`examples/${example}/hsd.yaml: one container is expected`);
  return container as unknown as Container;
}

describe.each(EXAMPLES)('examples/%s', (example) => {
  const { spec, ...hsd } = hotStandbyDeployment(example);
  const podSpec = spec.podTemplate.spec as Record<string, unknown>;
  const container = onlyContainer(example);

  it('is a HotStandbyDeployment its schema accepts, with no field the schema does not know', () => {
    expect(hsd).toMatchObject({ apiVersion: API_VERSION, kind: KIND });
    expect(schemaErrors(specSchema, spec)).toEqual([]);
  });

  it('can be applied to any namespace', () => {
    expect(hsd.metadata).toEqual({ name: expect.any(String) });
  });

  it('selects the labels its Pods carry', () => {
    expect(spec.podTemplate.metadata?.labels).toEqual(spec.selector.matchLabels);
  });

  it('passes the restricted Pod Security Standard', () => {
    expect(podSpec.securityContext).toEqual({
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('takes its image from the node when it is there, asks for little and leaves a session time to finish', () => {
    expect(container).toMatchObject({ image: EXAMPLE_IMAGES[example].name, imagePullPolicy: 'IfNotPresent' });
    expect(container.resources.requests).toEqual({ cpu: '10m', memory: '48Mi' });
    expect(container.readinessProbe.httpGet.path).toBe('/');
    expect(podSpec.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(60);
  });

  it('has an image that holds every file of the app', () => {
    const files = Object.keys(EXAMPLE_IMAGES[example].files).map((file) => basename(file));
    const sources = readdirSync(examplePath(example, 'app')).filter((file) => /\.(mjs|py)$/.test(file));
    expect(files.sort()).toEqual(sources.sort());
  });
});

describe.each(SELF_ANNOTATING)('the self-annotating examples/%s', (example) => {
  const { spec, metadata } = hotStandbyDeployment(example);

  it('tells the Pod who it is', () => {
    const env = Object.fromEntries(
      (onlyContainer(example).env ?? []).map(({ name, valueFrom }) => [name, valueFrom.fieldRef.fieldPath]),
    );
    expect(env).toEqual({
      POD_NAMESPACE: 'metadata.namespace',
      POD_NAME: 'metadata.name',
      POD_UID: 'metadata.uid',
    });
  });

  it('writes the annotation the operator reads', () => {
    const sources = Object.keys(EXAMPLE_IMAGES[example].files).map((file) => readFileSync(file, 'utf8'));
    expect(spec.busyProbe).toEqual({ mode: 'annotation', annotationKey: DEFAULT_BUSY_ANNOTATION });
    expect(sources.join()).toContain(DEFAULT_BUSY_ANNOTATION);
  });

  it('lets its ServiceAccount patch Pods and nothing else', () => {
    const [account, role, binding, ...others] = manifests(example, 'rbac.yaml') as unknown[];
    const name = spec.podTemplate.spec.serviceAccountName;
    expect(name).toBe(metadata.name);
    const labels = { [ANNOTATOR_LABEL]: 'true' };
    expect(account).toEqual({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, labels } });
    expect(role).toMatchObject({
      kind: 'Role',
      metadata: { name },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['patch'] }],
    });
    expect(binding).toMatchObject({
      kind: 'RoleBinding',
      roleRef: { kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name }],
    });
    expect(others).toEqual([]);
  });
});

it('examples/http gives its Pods no API token', () => {
  expect(hotStandbyDeployment('http').spec.podTemplate.spec.automountServiceAccountToken).toBe(false);
});

describe('examples/annotation-go', () => {
  if (!hasProgram('go', 'version')) {
    it.skip('passes go vet and gofmt: go is not installed', () => undefined);
    return;
  }
  const folder = examplePath('annotation-go');

  it(
    'passes go vet and gofmt',
    () => {
      execFileSync('go', ['vet', '-C', folder, './...'], { stdio: 'pipe' });
      expect(execFileSync('gofmt', ['-l', folder], { encoding: 'utf8' })).toBe('');
    },
    SLOW_MS,
  );

  it('uses the standard library alone', () => {
    expect(readFileSync(join(folder, 'go.mod'), 'utf8')).not.toContain('require');
  });
});

describe('examples/cdk8s-app, copied elsewhere', () => {
  let app: AppFolder;

  beforeAll(() => {
    app = new AppFolder('cdk8s-app');
    cpSync(examplePath('cdk8s-app'), app.path, { recursive: true });
    const { dependencies, devDependencies } = readPackage(app.path);
    app.install(Object.keys({ ...dependencies, ...devDependencies }));
  });
  afterAll(() => app.remove());

  it(
    'type-checks',
    () => {
      expect(app.run('tsc', '-p', app.path)).toBe('');
    },
    SLOW_MS,
  );

  it(
    'passes its own test',
    () => {
      expect(app.run('node', '--import', 'tsx', '--test', '--test-reporter=tap', 'rooms.test.ts')).toContain(
        '# pass 1',
      );
    },
    SLOW_MS,
  );

  it(
    'synthesizes a HotStandbyDeployment the schema accepts',
    () => {
      app.run('cdk8s', 'synth', '--check-upgrade', 'false');
      const { spec, ...rooms } = parse(readFileSync(join(app.path, 'dist/rooms.k8s.yaml'), 'utf8')) as Manifest;
      expect(rooms).toMatchObject({ apiVersion: API_VERSION, kind: KIND });
      expect(schemaErrors(specSchema, spec)).toEqual([]);
      expect(spec).toMatchObject({ idleTarget: 3, maxReplicas: 20, busyProbe: { mode: 'http' } });
    },
    SLOW_MS,
  );

  it('asks for the versions this library is built against', () => {
    const example = readPackage(examplePath('cdk8s-app'));
    const library = readPackage(ROOT);
    const { hotstandby, ...dependencies } = example.dependencies;
    expect(hotstandby).toBe(`^${library.version}`);
    expect(library.devDependencies).toMatchObject({ ...dependencies, ...example.devDependencies });
  });
});

interface Package {
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

function readPackage(folder: string): Package {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Package;
}
