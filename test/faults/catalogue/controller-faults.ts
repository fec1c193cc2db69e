import type { KubeObject } from '../../../operator/kube/types';
import { BUSY_KEY_ANNOTATION, NAME_LABEL, STATE_LABEL } from '../../../src/api/names';
import type { Policy } from '../cluster/api-server';
import type { Controller } from '../cluster/controllers';
import { withMeta } from '../cluster/objects';
import { type Faults, without } from './fault';

/** How the rest of the cluster behaves. */
export const controllerFaults: Faults = {};

const LATE_MS = 2_000;
const LATE_FOR_MS = 8_000;

for (const controller of ['deployments', 'replicasets', 'garbage'] satisfies Controller[]) {
  controllerFaults[`controller late: ${controller}`] = {
    before: ({ stage }) => {
      stage.controllers.lateMs[controller] = LATE_MS;
      stage.time.after(LATE_FOR_MS, () => {
        stage.controllers.lateMs[controller] = 0;
      });
      return undefined;
    },
  };
}

/** Less than the grace of a draining Pod, which is there for this. */
const STALE_MS = 900;

controllerFaults['controller chooses by old Pods'] = {
  before: ({ stage }) => {
    stage.controllers.staleMs = STALE_MS;
    stage.lifted.push(() => {
      stage.controllers.staleMs = 0;
    });
    return undefined;
  },
};

const BIRTHS: Record<string, (pod: KubeObject) => KubeObject> = {
  'no name label': (pod) => withMeta(pod, { labels: without(pod.metadata.labels, NAME_LABEL) }),
  'no busy-key': (pod) => withMeta(pod, { annotations: without(pod.metadata.annotations, BUSY_KEY_ANNOTATION) }),
  'no annotations': (pod) => withMeta(pod, { annotations: { team: 'blue' } }),
  'the state busy': (pod) => withMeta(pod, { labels: { ...pod.metadata.labels, [STATE_LABEL]: 'busy' } }),
};
for (const [what, change] of Object.entries(BIRTHS)) {
  controllerFaults[`Pods are born with ${what}`] = {
    before: ({ stage }) => {
      const policy: Policy = {
        mutate: ({ verb, resource }, object) => (verb === 'create' && resource === 'pods' ? change(object) : object),
      };
      stage.server.policies.push(policy);
      stage.lifted.push(() => stage.server.policies.splice(stage.server.policies.indexOf(policy), 1));
      return undefined;
    },
  };
}
