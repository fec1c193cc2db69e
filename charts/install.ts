import { Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { HotStandbyCrd, HotStandbyOperator } from '../src';
import { addMarks } from '../src/install/policies';

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
    addMarks(this, {
      name: 'hotstandby',
      labels: { 'app.kubernetes.io/name': 'hotstandby', 'app.kubernetes.io/instance': 'hotstandby' },
    });
  }
}
