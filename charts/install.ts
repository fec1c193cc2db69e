import { join } from 'node:path';
import { ApiObject, App, Chart, JsonPatch } from 'cdk8s';
import type { Construct } from 'constructs';
import { HotStandbyCrd, HotStandbyOperator } from '../src';
import { clusterObject } from '../src/install/cluster-object';
import { addMarks } from '../src/install/policies';
import { operatorRules, USER_ROLES } from '../src/install/rbac';
import { userRoleManifest } from '../src/install/user-roles';
import { PACKAGE_VERSION } from '../src/version';
import { writeComponent } from './kustomize';

const NAME = 'hotstandby';
const LABELS = { 'app.kubernetes.io/name': NAME, 'app.kubernetes.io/instance': NAME };

/** The CustomResourceDefinition alone, for those who install definitions apart. */
export class Crds extends Chart {
  public constructor(scope: Construct, id: string) {
    super(scope, id);
    new HotStandbyCrd(this, 'crd');
  }
}

/** Everything, for the whole cluster, in the namespace hotstandby-system. */
export class Install extends Chart {
  public constructor(scope: Construct, id: string) {
    super(scope, id);
    new HotStandbyOperator(this, 'operator');
  }
}

/** The same without the CustomResourceDefinition. */
export class Operator extends Chart {
  public constructor(scope: Construct, id: string) {
    super(scope, id);
    new HotStandbyOperator(this, 'operator', { crd: false });
  }
}

/** The operator for one namespace, the one it is applied to, with Roles only. Needs crds.yaml installed. */
export class NamespacedInstall extends Chart {
  public constructor(scope: Construct, id: string) {
    super(scope, id);
    new HotStandbyOperator(this, 'operator', { ownNamespaceOnly: true });
  }
}

/** The optional marks policy beside either install, for API servers that serve MutatingAdmissionPolicy v1 (1.36). */
export class AdmissionMarks extends Chart {
  public constructor(scope: Construct, id: string) {
    super(scope, id);
    addMarks(this, { name: NAME, labels: LABELS });
  }
}

/**
 * What an administrator of the cluster applies once, after crds.yaml, so that the administrators of namespaces can use
 * HotStandby and apply namespaced-install.yaml: nobody may grant an operator rights he does not have.
 */
export class NamespaceAdmins extends Chart {
  public constructor(scope: Construct, id: string) {
    super(scope, id);
    const rules = [...operatorRules('watched'), ...operatorRules('lease')];
    const labels = {
      ...LABELS,
      'app.kubernetes.io/component': 'operator',
      'app.kubernetes.io/version': PACKAGE_VERSION,
    };
    for (const role of [...USER_ROLES, { suffix: 'install', aggregateTo: ['admin'], rules }]) {
      clusterObject(this, role.suffix, userRoleManifest(NAME, labels, role));
    }
  }
}

/** A folder as a kustomize base: `kubectl apply -k`, or another kustomization's `resources`. */
export class KustomizeBase extends Chart {
  public constructor(scope: Construct, id: string, resources: readonly string[]) {
    super(scope, id);
    const base = new ApiObject(this, 'base', {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: [...resources],
    });
    // Read by kustomize alone, which knows it by the file's name.
    base.addJsonPatch(JsonPatch.remove('/metadata'));
  }
}

/** Writes every file of a version's folder under synth/. */
export function writeInstall(outdir: string): void {
  folder(outdir, (app) => {
    new Crds(app, 'crds');
    new Install(app, 'install');
    new NamespacedInstall(app, 'namespaced-install');
    new NamespaceAdmins(app, 'namespace-admins');
    new AdmissionMarks(app, 'admission-marks');
    new KustomizeBase(app, 'kustomization', ['install.yaml']);
  });
  // Apart, so that whoever deletes the one keeps the other. A base may read no file outside of its folder.
  folder(join(outdir, 'crds'), (app) => {
    new Crds(app, 'crds');
    new KustomizeBase(app, 'kustomization', ['crds.yaml']);
  });
  folder(join(outdir, 'operator'), (app) => {
    new Operator(app, 'operator');
    new KustomizeBase(app, 'kustomization', ['operator.yaml']);
  });
  writeComponent(join(outdir, 'component'));
}

/** One file a chart, named after it: crds.yaml, install.yaml, and so on. */
function folder(outdir: string, charts: (app: App) => void): void {
  const app = new App({ outdir, outputFileExtension: '.yaml' });
  charts(app);
  app.synth();
}
