import { ApiObject, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { REPOSITORY } from './repository';

const NAMESPACE = 'flux-system';

/** The platform first; the apps when it is Ready. Each is Ready when everything in it is. */
export class Flux extends Chart {
  constructor(scope: Construct, id: string, cluster: string) {
    super(scope, id, { namespace: NAMESPACE });
    new ApiObject(this, 'repository', {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'GitRepository',
      metadata: { name: 'fleet' },
      spec: { interval: '1m', url: REPOSITORY, ref: { branch: 'main' } },
    });
    this.kustomization('platform', cluster);
    this.kustomization('apps', cluster, ['platform']);
  }

  private kustomization(name: string, cluster: string, dependsOn: string[] = []): void {
    new ApiObject(this, name, {
      apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
      kind: 'Kustomization',
      metadata: { name },
      spec: {
        sourceRef: { kind: 'GitRepository', name: 'fleet' },
        path: `./clusters/${cluster}/${name}`,
        dependsOn: dependsOn.length > 0 ? dependsOn.map((each) => ({ name: each })) : undefined,
        interval: '10m',
        retryInterval: '1m',
        timeout: '5m',
        prune: true,
        wait: true,
      },
    });
  }
}
