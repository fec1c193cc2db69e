import type { Resource } from '../cluster/objects';
import type { OperatorProcess } from '../cluster/operator-process';
import type { Stage } from '../stage';
import type { Faults, FaultType, Point } from './fault';

/** What the operators see, and when. */
export const watchFaults: Faults = {};
const add = (name: string, type: FaultType): void => {
  watchFaults[name] = type;
};

const LATE_MS = 4_000;
const WATCHED: readonly Resource[] = [
  'hotstandbydeployments',
  'deployments',
  'replicasets',
  'pods',
  'poddisruptionbudgets',
];
const LATE_FOR_MS = 12_000;

function watches(stage: Stage, resource: Resource, does: (operator: OperatorProcess) => void): void {
  for (const operator of stage.operators) if (operator.isAlive) does(operator);
  stage.note(`watch of ${resource} is disturbed`);
}

function delay({ stage, operator }: Point, resources: readonly Resource[], whose: 'everybody' | 'the others'): void {
  for (const resource of resources) {
    watches(stage, resource, (each) => {
      if (whose === 'the others' && each === operator) return;
      const { disturbances } = each.client.watches;
      disturbances.set(resource, { delayMs: LATE_MS });
      stage.time.after(LATE_FOR_MS, () => void disturbances.delete(resource));
    });
  }
}

for (const resource of WATCHED) {
  const disturb = (does: (operator: OperatorProcess) => void): FaultType => ({
    before: ({ stage }) => void watches(stage, resource, does),
  });
  add(`watch late: ${resource}`, { before: (point) => void delay(point, [resource], 'everybody') });
  add(
    `watch cut: ${resource}`,
    disturb(({ client }) => client.watches.cut(resource)),
  );
  add(
    `watch silent: ${resource}`,
    disturb(({ client }) => client.watches.mute(resource)),
  );
  add(
    `watch repeats: ${resource}`,
    disturb(({ client }) => void client.watches.disturbances.set(resource, { isRepeating: true })),
  );
  add(`watch expired: ${resource}`, {
    before: ({ stage }) => {
      watches(stage, resource, ({ client }) => client.watches.cut(resource));
      stage.time.after(20, () => {
        stage.server.compactedAt = stage.server.version + 1;
        stage.server.history.length = 0;
      });
      return undefined;
    },
  });
}
add('every watch late', { before: (point) => void delay(point, WATCHED, 'everybody') });
// The next leader's, that is: it leads with an old view.
for (const resources of [WATCHED, ['deployments'], ['pods']] as const) {
  add(`watches of the others late: ${resources === WATCHED ? 'all' : resources}`, {
    strikes: ({ stage }) => stage.options.candidates > 1,
    before: (point) => void delay(point, resources, 'the others'),
  });
}
add('lease out of reach', {
  strikes: ({ stage }) => stage.options.candidates > 0,
  before: ({ stage, operator }) => {
    operator.client.isCutOff = true;
    stage.time.after(25_000, () => {
      operator.client.isCutOff = false;
    });
    return undefined;
  },
});
