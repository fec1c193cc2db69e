import type { KubeObject } from '../../../operator/kube/types';
import { BUSY_KEY_ANNOTATION, NAME_LABEL, STATE_LABEL, TEMPLATE_HASH_ANNOTATION } from '../../../src/api/names';
import type { Call } from '../cluster/client';
import { type Deployment, type Resource, withMeta } from '../cluster/objects';
import { type Faults, without } from './fault';

/** What is stored is not what was sent: a mutating policy, once or from now on. */
export const storedFaults: Faults = {};

export type Tamper = (object: KubeObject) => KubeObject;

function tamper(
  what: string,
  resource: Resource,
  verbs: readonly Call['verb'][],
  change: Tamper,
  subresource?: string,
): void {
  const suits = (call: Call): boolean =>
    call.resource === resource && verbs.includes(call.verb) && call.subresource === subresource;
  storedFaults[`stored with ${what}`] = { strikes: ({ call }) => suits(call), before: () => ({ tamper: change }) };
  storedFaults[`stored with ${what} from now on`] = {
    strikes: ({ call }) => suits(call),
    before: () => ({ tamper: change }),
    holds: (_first, call) => (suits(call) ? { tamper: change } : undefined),
  };
}

export function onTemplate(
  change: (metadata: { labels?: Record<string, string>; annotations?: Record<string, string> }) => object,
): Tamper {
  return (object) => {
    const { spec } = object as Deployment;
    const { metadata = {}, ...rest } = spec.template;
    return {
      ...object,
      spec: { ...spec, template: { ...rest, metadata: { ...metadata, ...change(metadata) } } },
    } as Deployment;
  };
}

export const TEMPLATE_TAMPERS: Record<string, Tamper> = {
  'no name label in its template': onTemplate(({ labels }) => ({ labels: without(labels, NAME_LABEL) })),
  'no busy-key in its template': onTemplate(({ annotations }) => ({
    annotations: without(annotations, BUSY_KEY_ANNOTATION),
  })),
  'no template-hash': onTemplate(({ annotations }) => ({
    annotations: without(annotations, TEMPLATE_HASH_ANNOTATION),
  })),
  'no annotations in its template': onTemplate(() => ({ annotations: {} })),
};
const CHILD_TAMPERS: Record<string, Tamper> = {
  ...TEMPLATE_TAMPERS,
  'other labels': (object) => withMeta(object, { labels: { team: 'blue' } }),
  'no owner': (object) => withMeta(object, { ownerReferences: undefined }),
  'one replica at most': (object) => {
    const { spec } = object as Deployment;
    return { ...object, spec: { ...spec, replicas: Math.min(1, spec.replicas) } } as KubeObject;
  },
  'paused: true': (object) => ({ ...object, spec: { ...(object as Deployment).spec, paused: true } }) as KubeObject,
};
for (const [what, change] of Object.entries(CHILD_TAMPERS)) tamper(what, 'deployments', ['apply', 'patch'], change);

const POD_TAMPERS: Record<string, Tamper> = {
  'no name label': (object) => withMeta(object, { labels: without(object.metadata.labels, NAME_LABEL) }),
  'the state idle': (object) => withMeta(object, { labels: { ...object.metadata.labels, [STATE_LABEL]: 'idle' } }),
  'no busy-key': (object) =>
    withMeta(object, { annotations: without(object.metadata.annotations, BUSY_KEY_ANNOTATION) }),
};
for (const [what, change] of Object.entries(POD_TAMPERS)) tamper(what, 'pods', ['patch'], change);
tamper('no finalizers', 'replicasets', ['patch'], (object) => withMeta(object, { finalizers: undefined }));
tamper('no name label', 'replicasets', ['patch'], (object) =>
  withMeta(object, { labels: without(object.metadata.labels, NAME_LABEL) }),
);
tamper('no finalizers', 'hotstandbydeployments', ['patch'], (object) => withMeta(object, { finalizers: undefined }));
tamper('another selector', 'poddisruptionbudgets', ['create', 'patch'], (object) => ({
  ...object,
  spec: { minAvailable: 1, selector: { matchLabels: { app: 'other' } } },
}));
