import { Chart } from 'cdk8s';
import { Cpu, Namespace } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import { HotStandby, SessionDeletePolicy } from 'hotstandby';
import type { Environment } from '../environments';

/** Rooms that hold one session each. Taken out of Git, they go when their sessions have ended. */
export class Rooms extends Chart {
  constructor(scope: Construct, id: string, environment: Environment) {
    super(scope, id, { namespace: 'rooms' });

    new Namespace(this, 'namespace', { metadata: { name: 'rooms', namespace: undefined } });
    new HotStandby(this, 'rooms', {
      metadata: { name: 'rooms' },
      idleTarget: environment.idleTarget,
      maxReplicas: environment.maxReplicas,
      onDelete: SessionDeletePolicy.DRAIN,
      containers: [
        {
          image: environment.roomImage,
          portNumber: 8080,
          resources: { cpu: { request: Cpu.millis(250) } },
          securityContext: { user: 1000 },
        },
      ],
    });
  }
}
