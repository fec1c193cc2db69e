/** What kube-score minds about the install: nothing but what is excused here. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { releasedManifest } from '../../tools/cluster/install';
import { render } from '../synth/helm-chart';
import { build } from './support/build';
import { note } from './support/ground';

/** By kube-score's own name of the check, with the reason. */
const EXCUSED: Readonly<Record<string, string>> = {
  'container-image-pull-policy':
    'a release has one tag for ever, and its digest is what pins it; Always would tie a restart to the registry',
  'container-resources': 'no CPU limit: being throttled delays the very reaction the operator is for',
  'container-ephemeral-storage-request-and-limit': 'the root is read-only and nothing is written but the log',
  'deployment-has-host-podantiaffinity':
    'topologySpreadConstraints spread the Pods, and let them start where there is one node',
  'pod-networkpolicy':
    "which ports the API server has is the cluster's own: networkPolicy.enabled in the chart, networkPolicy in the construct",
};

interface Scored {
  readonly checks: readonly {
    readonly check: { readonly id: string };
    readonly grade: number;
    readonly skipped: boolean;
  }[];
}

/** Grade of a check that has nothing to say. */
const OK = 10;

describe('kube-score', () => {
  let program: string;
  beforeAll(async () => {
    program = join((await build('kube-score', note)).bin, 'kube-score');
  }, 600_000);

  /** Checks with something to say, once each. */
  function minds(manifests: string): string[] {
    const flags = ['score', '--kubernetes-version', 'v1.32', '--output-format', 'json', '-'];
    const { stdout, stderr } = spawnSync(program, flags, { input: manifests, encoding: 'utf8' });
    if (!stdout.startsWith('[')) throw new Error(stderr);
    const checks = (JSON.parse(stdout) as Scored[]).flatMap((object) => object.checks);
    expect(checks.length).toBeGreaterThan(20);
    return [
      ...new Set(checks.filter(({ grade, skipped }) => !skipped && grade < OK).map(({ check }) => check.id)),
    ].sort();
  }

  it('minds of install.yaml what is excused, and every excuse is needed', () => {
    expect(minds(readFileSync(releasedManifest('install'), 'utf8'))).toEqual(Object.keys(EXCUSED).sort());
  });

  it('minds no more of the chart, and less with its NetworkPolicy', () => {
    const { 'pod-networkpolicy': _, ...others } = EXCUSED;
    expect(minds(render({ networkPolicy: { enabled: true } }, {}))).toEqual(Object.keys(others).sort());
  });
});
