import { Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { HotStandbyCrd, HotStandbyOperator } from 'hotstandby';
import type { Environment } from '../environments';

/** The definition alone: with Argo CD it is in place before anything of its kind is looked at. */
export class Definitions extends Chart {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new HotStandbyCrd(this, 'crd');
  }
}

/** The operator, in its namespace hotstandby-system. */
export class Operator extends Chart {
  constructor(scope: Construct, id: string, environment: Environment) {
    super(scope, id);
    new HotStandbyOperator(this, 'operator', { crd: false, image: environment.operatorImage });
  }
}
