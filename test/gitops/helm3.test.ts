/** The chart by the real Helm 3, which many still run: what it makes is what Helm 4 makes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolPath } from '../../tools/cluster/tools';
import { CHART, helm, parentChart, type Values } from '../synth/helm-chart';
import { build } from './support/build';
import { note } from './support/ground';

jest.setTimeout(120_000);

describe('Helm 3', () => {
  let helm3: string;
  let folder: string;
  beforeAll(async () => {
    helm3 = join((await build('helm3', note)).bin, 'helm');
    folder = mkdtempSync(join(tmpdir(), 'hotstandby-helm3-'));
  }, 900_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Of a Helm 3 that was built plainly: it takes Kubernetes for 1.20 when it has no cluster. */
  const NEWER = ['--kube-version', '1.32.0'];

  /** What both of them print for the chart by itself. */
  function printed(program: string, values: Values, flags = NEWER): string {
    const args = ['template', 'standby', CHART, '--namespace', 'standby', '--values', '-'];
    // They differ in the empty lines between documents.
    return helm([...args, ...flags], JSON.stringify(values), program)
      .replace(/\n+(?=---\n)/g, '\n')
      .trimEnd();
  }

  it('says which Kubernetes the chart needs where it knows no newer one', () => {
    expect(() => printed(helm3, {}, [])).toThrow('chart requires kubeVersion: >=1.32.0-0');
  });

  it('is one, and has nothing against the chart', () => {
    expect(helm(['version', '--short'], undefined, helm3)).toMatch(/^v3\./);
    expect(helm(['lint', '--strict', CHART], undefined, helm3)).toContain('0 chart(s) failed');
  });

  it.each<[string, Values]>([
    ['at the defaults', {}],
    ['for one namespace', { ownNamespaceOnly: true }],
    ['with everything', { networkPolicy: { enabled: true }, alerts: { enabled: true }, dashboard: { enabled: true } }],
    ['with bare keys', { image: null, replicas: null, podSecurityContext: { runAsUser: null }, commonLabels: null }],
  ])('makes the same as Helm 4 %s', (_what, values) => {
    expect(printed(helm3, values)).toBe(printed(toolPath('helm'), values));
  });

  it.each<[string, Values]>([
    ['at the defaults', {}],
    ['switched off', { hotstandby: { enabled: false } }],
    ['with a registry and bare keys', { global: { imageRegistry: 'a.example' }, hotstandby: { image: { tag: null } } }],
    ['with sections that are bare', { hotstandby: { networkPolicy: null, podLabels: null, admissionGuard: null } }],
  ])('makes the same as Helm 4 of a dependency %s', (_what, values) => {
    const by = (program: string) => parentChart(folder, program).rendered(values);
    expect(by(helm3)).toEqual(by(toolPath('helm')));
  });
});
