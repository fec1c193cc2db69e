import { ApiObject, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { REPOSITORY } from './repository';

/** One Application a cluster: its sync waves bring definitions, operator and apps in this order. */
export class ArgoCd extends Chart {
  constructor(scope: Construct, id: string, cluster: string) {
    super(scope, id);
    new ApiObject(this, 'application', {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: {
        name: cluster,
        namespace: 'argocd',
        // Deleting the Application deletes what it brought, and waits for it.
        finalizers: ['resources-finalizer.argocd.argoproj.io'],
      },
      spec: {
        project: 'default',
        source: {
          repoURL: REPOSITORY,
          targetRevision: 'main',
          path: `clusters/${cluster}`,
          directory: { recurse: true, include: '{platform,apps}/*.yaml' },
        },
        destination: { server: 'https://kubernetes.default.svc', namespace: 'default' },
        syncPolicy: {
          automated: { prune: true, selfHeal: true },
          // A sync that failed is tried again with what has been pushed since, if anything (Argo CD 3.2).
          retry: { limit: 5, backoff: { duration: '5s', factor: 2, maxDuration: '1m' }, refresh: true },
        },
      },
    });
  }
}

/** Puts everything in `chart` into a sync wave. */
export function syncWave(chart: Chart, wave: number): void {
  for (const node of chart.node.findAll()) {
    if (ApiObject.isApiObject(node)) node.metadata.addAnnotation('argocd.argoproj.io/sync-wave', String(wave));
  }
}
