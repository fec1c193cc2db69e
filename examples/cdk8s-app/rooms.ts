import { Chart } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import { BusyProbe, HotStandby } from 'hotstandby';

/** Rooms that hold one session each: three idle ones are always ready, twenty is the most. */
export class Rooms extends Chart {
  constructor(scope: Construct, id: string) {
    super(scope, id, { namespace: 'rooms' });

    new HotStandby(this, 'rooms', {
      idleTarget: 3,
      maxReplicas: 20,
      busyProbe: BusyProbe.http({ port: 9000, path: '/b' }),
      containers: [
        {
          image: 'ghcr.io/acme/room:1',
          portNumber: 8080,
          resources: { cpu: { request: Cpu.millis(250) } },
          securityContext: { user: 1000 },
        },
      ],
    });
  }
}
