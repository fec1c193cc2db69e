import { ApiObject, type App, Chart, JsonPatch } from 'cdk8s';
import type { Construct } from 'constructs';
import { HotStandbyCrd, HotStandbyOperator } from '../src';
import { clusterObject } from '../src/install/cluster-object';
import { addMarks } from '../src/install/policies';
import { operatorRules, USER_ROLES } from '../src/install/rbac';
import { userRoleManifest } from '../src/install/user-roles';
import { PACKAGE_VERSION } from '../src/version';

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

/** The folder as a kustomize base: `kubectl apply -k`, or another kustomization's `resources`. It is install.yaml. */
export class KustomizeBase extends Chart {
  public constructor(scope: Construct, id: string) {
    super(scope, id);
    const base = new ApiObject(this, 'base', {
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: ['install.yaml'],
    });
    // Read by kustomize alone, which knows it by the file's name.
    base.addJsonPatch(JsonPatch.remove('/metadata'));
  }
}

/** Every file of a version's folder under synth/. */
export function addCharts(app: App): void {
  new Crds(app, 'crds');
  new Install(app, 'install');
  new NamespacedInstall(app, 'namespaced-install');
  new NamespaceAdmins(app, 'namespace-admins');
  new AdmissionMarks(app, 'admission-marks');
  new KustomizeBase(app, 'kustomization');
}
