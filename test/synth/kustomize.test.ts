/** HotStandbyDeployments in somebody's kustomization, by the real kustomize. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { ROOT } from '../../root';
import { PACKAGE_VERSION } from '../../src/version';
import { toolPath } from '../../tools/cluster/tools';
import { at, type Manifest, only } from './support';

jest.setTimeout(60_000);

const POD = {
  serviceAccountName: 'rooms',
  imagePullSecrets: [{ name: 'registry' }],
  volumes: [
    { name: 'settings', configMap: { name: 'settings' } },
    { name: 'state', persistentVolumeClaim: { claimName: 'state' } },
  ],
  containers: [
    {
      name: 'app',
      image: 'example.com/app:1',
      env: [
        { name: 'MODE', value: 'plain' },
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 'registry', key: 'a' } } },
      ],
      envFrom: [{ configMapRef: { name: 'settings' } }],
    },
    { name: 'sidecar', image: 'example.com/sidecar:1' },
  ],
};
const metadata = { name: 'rooms' };
const OBJECTS = [
  {
    apiVersion: 'apps.paia.tech/v1alpha1',
    kind: 'HotStandbyDeployment',
    metadata,
    spec: { idleTarget: 2, selector: { matchLabels: { app: 'rooms' } }, podTemplate: { spec: POD } },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: { selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: POD } },
  },
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
  { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'state' }, spec: {} },
];
const limits = { resources: { limits: { cpu: '1' } } };
const patched = { spec: { containers: [{ name: 'app', ...limits, env: [{ name: 'MODE', value: 'fancy' }] }] } };
const KUSTOMIZATION = {
  resources: ['objects.yaml'],
  components: ['component'],
  namePrefix: 'games-',
  configMapGenerator: [{ name: 'settings', literals: ['a=b'] }],
  secretGenerator: [{ name: 'registry', literals: ['a=b'] }],
  replicas: [{ name: 'rooms', count: 5 }],
  images: [{ name: 'example.com/app', newTag: '2' }],
  labels: [{ pairs: { team: 'games' }, includeSelectors: true, includeTemplates: true }],
  commonAnnotations: { note: 'x' },
  patches: [
    { patch: stringify({ ...OBJECTS[0], spec: { podTemplate: patched } }) },
    { patch: stringify({ ...OBJECTS[1], spec: { template: patched } }) },
  ],
};

describe('the component for kustomize', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotstandby-kustomize-'));
    cpSync(join(ROOT, `synth/v${PACKAGE_VERSION}/component`), join(folder, 'component'), { recursive: true });
    writeFileSync(join(folder, 'objects.yaml'), OBJECTS.map((object) => stringify(object)).join('---\n'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function built(kustomization: object): Manifest[] {
    writeFileSync(join(folder, 'kustomization.yaml'), stringify(kustomization));
    const text = execFileSync(toolPath('kubectl'), ['kustomize', folder], { encoding: 'utf8', stdio: 'pipe' });
    return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
  }

  test('makes of a Pod template what kustomize makes of a Deployment', () => {
    const manifests = built(KUSTOMIZATION);
    const [hsd, deployment] = [only(manifests, 'HotStandbyDeployment'), only(manifests, 'Deployment')];
    const pod = at(hsd, 'spec', 'podTemplate', 'spec');
    expect(pod).toEqual(at(deployment, 'spec', 'template', 'spec'));
    expect(pod).toMatchObject({
      serviceAccountName: 'games-rooms',
      imagePullSecrets: [{ name: expect.stringMatching(/^games-registry-/) }],
      containers: [{ name: 'app', image: 'example.com/app:2', ...limits }, { name: 'sidecar' }],
    });
    expect(at(pod, 'containers', 0, 'env')).toHaveLength(2);
    expect(at(hsd, 'spec', 'podTemplate', 'metadata')).toEqual({
      annotations: { note: 'x' },
      labels: { team: 'games' },
    });
    expect(at(hsd, 'spec', 'selector', 'matchLabels')).toEqual({ app: 'rooms', team: 'games' });
    expect(at(hsd, 'spec', 'idleTarget')).toBe(5);
  });

  test('is needed: without it a patch loses a container', () => {
    const { components: _, replicas: __, ...plain } = KUSTOMIZATION;
    const pod = at(only(built(plain), 'HotStandbyDeployment'), 'spec', 'podTemplate', 'spec');
    expect(at(pod, 'containers', 'length')).toBe(1);
    expect(at(pod, 'serviceAccountName')).toBe('rooms');
  });
});
