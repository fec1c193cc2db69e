import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiObject, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { stringify } from 'yaml';
import { GROUP, KIND } from '../../src/api/names';
import { PACKAGE_VERSION } from '../../src/version';
import { NAME, REPOSITORY, releasePath } from './release';

/** Health check and actions in the form of Argo CD's own repository, tests included. */
const CUSTOMIZATIONS = join(__dirname, 'resource_customizations');
/** What they are for, as the path below and as the key in argocd-cm. */
export const CUSTOMIZED = join(CUSTOMIZATIONS, GROUP, KIND);

const NAMESPACE = 'argocd';

/** What Argo CD has to be told of HotStandbyDeployments: a piece of its own ConfigMap, for server-side apply. */
export class ArgoCdConfig extends Chart {
  public constructor(scope: Construct, id: string) {
    super(scope, id);
    new ApiObject(this, 'config', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'argocd-cm',
        namespace: NAMESPACE,
        labels: { 'app.kubernetes.io/name': 'argocd-cm', 'app.kubernetes.io/part-of': 'argocd' },
      },
      data: {
        [`resource.customizations.health.${GROUP}_${KIND}`]: lua('health.lua'),
        [`resource.customizations.actions.${GROUP}_${KIND}`]: stringify(actions(), {
          blockQuote: 'literal',
          lineWidth: 0,
        }),
      },
    });
  }
}

/** The operator from this repository, by Argo CD. */
export class ArgoCdApplication extends Chart {
  public constructor(scope: Construct, id: string) {
    super(scope, id);
    new ApiObject(this, 'application', {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: { name: NAME, namespace: NAMESPACE },
      spec: {
        project: 'default',
        source: { repoURL: `${REPOSITORY}.git`, targetRevision: `v${PACKAGE_VERSION}`, path: releasePath() },
        destination: { server: 'https://kubernetes.default.svc', namespace: 'hotstandby-system' },
        syncPolicy: { automated: { prune: true, selfHeal: true }, syncOptions: ['ServerSideApply=true'] },
      },
    });
  }
}

function actions(): object {
  const folder = join(CUSTOMIZED, 'actions');
  const entries = readdirSync(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() && entry.name !== 'testdata').map(({ name }) => name);
  return {
    'discovery.lua': lua('actions', 'discovery.lua'),
    definitions: names.sort().map((name) => ({ name, 'action.lua': lua('actions', name, 'action.lua') })),
  };
}

function lua(...path: string[]): string {
  return readFileSync(join(CUSTOMIZED, ...path), 'utf8');
}
