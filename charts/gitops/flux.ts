import { ApiObject, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { PACKAGE_VERSION } from '../../src/version';
import { CHART, NAME, REPOSITORY, releasePath } from './release';

const NAMESPACE = 'flux-system';
const SOURCE = 'source.toolkit.fluxcd.io/v1';
const INTERVAL = '1h';

/** The operator from this repository, by Flux. */
export class FluxKustomization extends Chart {
  public constructor(scope: Construct, id: string) {
    super(scope, id, { namespace: NAMESPACE });
    new ApiObject(this, 'repository', {
      apiVersion: SOURCE,
      kind: 'GitRepository',
      metadata: { name: NAME },
      spec: { interval: INTERVAL, url: `${REPOSITORY}.git`, ref: { tag: `v${PACKAGE_VERSION}` } },
    });
    new ApiObject(this, 'kustomization', {
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name: NAME },
      spec: {
        sourceRef: { kind: 'GitRepository', name: NAME },
        path: `./${releasePath()}`,
        interval: INTERVAL,
        retryInterval: '1m',
        timeout: '5m',
        prune: true,
        wait: true,
      },
    });
  }
}

/** Signed without keys, by the release workflow of this repository for this very version. */
function signedByRelease(): object {
  const literal = (text: string) => `^${text.replaceAll('.', '\\.')}$`;
  return {
    provider: 'cosign',
    matchOIDCIdentity: [
      {
        issuer: literal('https://token.actions.githubusercontent.com'),
        subject: literal(`${REPOSITORY}/.github/workflows/release.yml@refs/tags/v${PACKAGE_VERSION}`),
      },
    ],
  };
}

/** The operator by its Helm chart, by Flux. Its CRD is among the templates, so an upgrade brings the new one. */
export class FluxHelmRelease extends Chart {
  public constructor(scope: Construct, id: string) {
    super(scope, id, { namespace: NAMESPACE });
    new ApiObject(this, 'repository', {
      apiVersion: SOURCE,
      kind: 'OCIRepository',
      metadata: { name: NAME },
      spec: { interval: INTERVAL, url: `oci://${CHART}`, ref: { tag: PACKAGE_VERSION }, verify: signedByRelease() },
    });
    new ApiObject(this, 'release', {
      apiVersion: 'helm.toolkit.fluxcd.io/v2',
      kind: 'HelmRelease',
      metadata: { name: NAME },
      spec: {
        chartRef: { kind: 'OCIRepository', name: NAME },
        targetNamespace: 'hotstandby-system',
        releaseName: NAME,
        interval: INTERVAL,
        install: { createNamespace: true, strategy: { name: 'RetryOnFailure' } },
        upgrade: { strategy: { name: 'RetryOnFailure' } },
        driftDetection: { mode: 'enabled' },
      },
    });
  }
}
