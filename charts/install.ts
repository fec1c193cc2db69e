import { Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { HotStandbyCrd, HotStandbyOperator } from '../src';

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
