import type { HotStandbySpec } from '../../../src/api/types';
import { GARBAGE_COLLECTOR } from '../cluster/garbage-collector';
import { type Deployment, withMeta } from '../cluster/objects';
import { NAMESPACE, type Stage, template } from '../stage';
import type { Faults, FaultType } from './fault';
import { onTemplate, TEMPLATE_TAMPERS } from './stored-faults';

/** What Git says meanwhile, and what people do to the child. */
export const handFaults: Faults = {};
const add = (name: string, type: FaultType): void => {
  handFaults[name] = type;
};

const SPECS: Record<string, Partial<HotStandbySpec>> = {
  'idleTarget 0': { idleTarget: 0 },
  'idleTarget 3': { idleTarget: 3 },
  'maxReplicas 1': { maxReplicas: 1 },
  'minReplicas 4': { minReplicas: 4 },
  'another template': { podTemplate: template(7) },
  'another key': { busyProbe: { mode: 'annotation', annotationKey: 'example.com/seventh' } },
  'http mode': {
    busyProbe: {
      mode: 'http',
      http: { port: 8080, path: '/busy', successIsBusy: true, timeoutSeconds: 1, periodSeconds: 2 },
    },
    podTemplate: template(7, ''),
  },
  'onDelete Drain': { sessions: { onDelete: 'Drain' } },
};
for (const [what, changes] of Object.entries(SPECS)) {
  add(`spec: ${what}`, {
    strikes: ({ stage }) => stage.hsd() !== undefined,
    before: ({ stage }) => void stage.changeSpec(changes),
  });
}

function hand(name: string, change: (child: Deployment) => Deployment, lowers = false): void {
  add(`by hand: ${name}`, {
    // Whom no guard protects, a hand that lowers or rolls the child can end: nothing is promised there.
    strikes: ({ stage }) => stage.child() !== undefined && (stage.options.guarded || !lowers),
    before: ({ stage }) => {
      const child = stage.child();
      if (child) stage.server.update('deployments', NAMESPACE, child.metadata.name, change, { actor: 'person' });
      return undefined;
    },
  });
}
for (const [what, change] of Object.entries(TEMPLATE_TAMPERS))
  hand(what, change as unknown as (child: Deployment) => Deployment, true);
hand('other labels', (child) => withMeta(child, { labels: { team: 'blue' } }));
hand('no owner', (child) => withMeta(child, { ownerReferences: undefined }));
hand('paused', (child) => ({ ...child, spec: { ...child.spec, paused: true } }));
hand('replicas 0', (child) => ({ ...child, spec: { ...child.spec, replicas: 0 } }), true);
hand('replicas 6', (child) => ({ ...child, spec: { ...child.spec, replicas: 6 } }), true);
hand(
  'another image',
  (child) => ({
    ...child,
    spec: {
      ...child.spec,
      template: {
        ...child.spec.template,
        spec: {
          ...child.spec.template.spec,
          containers: [{ name: 'room', image: 'room:hand', env: child.spec.template.spec.containers[0]?.env }],
        },
      },
    },
  }),
  true,
);
hand(
  'rollout restart',
  onTemplate(({ annotations }) => ({
    annotations: { ...annotations, 'kubectl.kubernetes.io/restartedAt': 'now' },
  })) as unknown as (child: Deployment) => Deployment,
  true,
);
hand('strategy Recreate', (child) => ({
  ...child,
  spec: { ...child.spec, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } },
}));
for (const propagationPolicy of ['Background', 'Foreground', 'Orphan'] as const) {
  add(`by hand: child deleted, ${propagationPolicy}`, {
    strikes: ({ stage }) => stage.child() !== undefined,
    before: ({ stage }) => {
      const child = stage.child();
      allowCollector(stage);
      if (child)
        stage.server.delete('deployments', NAMESPACE, child.metadata.name, { actor: 'person', propagationPolicy });
      return undefined;
    },
  });
}
add('by hand: child hangs in deletion', {
  lasts: 'cannot grow',
  strikes: ({ stage }) => stage.child() !== undefined,
  before: ({ stage }) => {
    const child = stage.child();
    if (child === undefined) return undefined;
    const { name } = child.metadata;
    const write = { actor: 'person' };
    const finalizers = (add: boolean) => (live: Deployment) =>
      withMeta(live, {
        finalizers: add ? ['example.com/slow'] : live.metadata.finalizers?.filter((f) => f !== 'example.com/slow'),
      });
    stage.server.update('deployments', NAMESPACE, name, finalizers(true), write);
    stage.server.delete('deployments', NAMESPACE, name, write);
    allowCollector(stage, 'on lifting');
    stage.lifted.push(() => {
      if (stage.server.find('deployments', NAMESPACE, name))
        stage.server.update('deployments', NAMESPACE, name, finalizers(false), write);
    });
    return undefined;
  },
});
add('by hand: newest ReplicaSet deleted', {
  strikes: ({ stage }) => stage.server.all('replicasets').length > 0,
  before: ({ stage }) => {
    const rs = stage.server.all('replicasets').at(-1);
    allowCollector(stage);
    if (rs) stage.server.delete('replicasets', NAMESPACE, rs.metadata.name, { actor: 'person' });
    return undefined;
  },
});

/** Who deletes the child deletes its Pods, unless its hsd says that sessions are waited for. */
function allowCollector(stage: Stage, when: 'now' | 'on lifting' = 'now'): void {
  const allow = (): void => {
    if (stage.hsd()?.spec.sessions?.onDelete !== 'Drain') stage.sessions.allowed.add(GARBAGE_COLLECTOR);
  };
  if (when === 'now') allow();
  else stage.lifted.push(allow);
}
