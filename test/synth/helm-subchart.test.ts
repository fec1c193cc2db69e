import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolPath } from '../../tools/cluster/tools';
import { parentChart, type Values } from './helm-chart';
import { at, only } from './support';

// helm takes a second or two on a busy machine.
jest.setTimeout(120_000);

describe('as a dependency of another chart', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotstandby-parent-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const made = (values: Values) => parentChart(folder, toolPath('helm')).rendered(values);
  const pod = (values: Values) => at(only(made(values), 'Deployment'), 'spec', 'template', 'spec');

  test('it is there by default, and its condition switches it off', () => {
    expect(made({}).map(({ kind }) => kind)).toEqual(expect.arrayContaining(['Deployment', 'ServiceAccount']));
    expect(made({ hotstandby: { enabled: true } }).length).toBeGreaterThan(10);
    expect(made({ hotstandby: { enabled: false } })).toEqual([]);
  });

  test('bare keys mean the default there, too', () => {
    const bare = { hotstandby: { image: { tag: null }, networkPolicy: null, podLabels: null, replicas: null } };
    expect(made(bare)).toEqual(made({}));
  });

  test.each<[string, string, string]>([
    ['ghcr.io/paia-tech/hotstandby', 'mirror.example.com', 'mirror.example.com/paia-tech/hotstandby'],
    [
      'ghcr.io/paia-tech/hotstandby',
      'mirror.example.com:5000/quay/',
      'mirror.example.com:5000/quay/paia-tech/hotstandby',
    ],
    ['localhost:5000/hotstandby', 'mirror.example.com', 'mirror.example.com/hotstandby'],
    ['paia/hotstandby', 'mirror.example.com', 'mirror.example.com/paia/hotstandby'],
    ['hotstandby', 'mirror.example.com', 'mirror.example.com/hotstandby'],
  ])('the registry of %s is replaced by %s, for the test Pod as well', (repository, imageRegistry, expected) => {
    const values = { global: { imageRegistry, other: 1 }, hotstandby: { image: { repository, tag: 'v1' } } };
    expect(at(pod(values), 'containers', 0, 'image')).toBe(`${expected}:v1`);
    const [test] = parentChart(folder, toolPath('helm')).tests(values);
    expect(at(test, 'spec', 'containers', 0, 'image')).toBe(`${expected}:v1`);
  });

  test('pull Secrets of both are used once each, however they are written', () => {
    const values = {
      global: { imagePullSecrets: ['one', { name: 'two' }] },
      hotstandby: { imagePullSecrets: [{ name: 'two' }, { name: 'three' }] },
    };
    const expected = ['one', 'two', 'three'].map((name) => ({ name }));
    expect(at(pod(values), 'imagePullSecrets')).toEqual(expected);
    expect(at(parentChart(folder, toolPath('helm')).tests(values)[0], 'spec', 'imagePullSecrets')).toEqual(expected);
  });
});

describe('the Pod of helm test', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotstandby-parent-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(['123', '1e3', 'true', '0x1f'])('has names that stay text: %s', (name) => {
    const values = {
      fullnameOverride: name,
      commonLabels: { team: '1' },
      priorityClassName: 'high',
      serviceAccount: { name },
      testResources: { limits: { memory: '64Mi' } },
    };
    const [pod] = parentChart(folder, toolPath('helm')).tests({ hotstandby: values }, name);
    expect(pod?.metadata).toMatchObject({
      namespace: name,
      labels: { 'app.kubernetes.io/instance': name, team: '1' },
    });
    expect(at(pod, 'spec', 'serviceAccountName')).toBe(name);
    expect(at(pod, 'spec', 'priorityClassName')).toBe('high');
    expect(at(pod, 'spec', 'nodeSelector')).toEqual({ 'kubernetes.io/os': 'linux' });
    expect(at(pod, 'spec', 'containers', 0, 'resources', 'limits', 'memory')).toBe('64Mi');
    expect(at(pod, 'spec', 'containers', 0, 'env')).toContainEqual({ name: 'NAMESPACE', value: name });
  });
});
