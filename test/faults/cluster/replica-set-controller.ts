import { ApiError } from '../../../operator/kube/errors';
import { DELETION_COST_ANNOTATION } from '../../../src/api/names';
import type { ApiServer } from './api-server';
import { controllerUid, isActive, isGoing, isReady, matches, type Pod, type ReplicaSet, readySince } from './objects';

export const REPLICA_SET_CONTROLLER = 'system:serviceaccount:kube-system:replicaset-controller';
const WRITE = { actor: REPLICA_SET_CONTROLLER };

/**
 * One sync, as pkg/controller/replicaset does it. False: something was refused.
 *
 * @param seen what its cache holds of a Pod when it chooses which ones go
 */
export function syncReplicaSet(
  server: ApiServer,
  namespace: string,
  name: string,
  seen: (pod: Pod) => Pod = (pod) => pod,
): boolean {
  const rs = server.find('replicasets', namespace, name);
  if (rs === undefined) return true;
  const own = claimPods(server, rs).filter(isActive);
  // One that is being deleted neither makes nor ends Pods.
  const failure = isGoing(rs) ? undefined : manage(server, rs, own, seen);
  const left = claimed(server, rs).filter(isActive);
  const status = {
    replicas: left.length,
    readyReplicas: left.filter(isReady).length,
    observedGeneration: rs.metadata.generation ?? 0,
    ...(failure !== undefined && { conditions: [{ type: 'ReplicaFailure', status: 'True', message: failure }] }),
  };
  server.setStatus('replicasets', rs, status, REPLICA_SET_CONTROLLER);
  return failure === undefined;
}

/** Lets go of Pods its selector does not match any more, and takes those that nobody has. */
function claimPods(server: ApiServer, rs: ReplicaSet): Pod[] {
  for (const pod of server.all('pods')) {
    const owner = controllerUid(pod);
    const isWanted = matches(rs.spec.selector.matchLabels, pod);
    if (owner === rs.metadata.uid && !isWanted && !isGoing(pod)) release(server, rs, pod);
    if (owner === undefined && isWanted && isActive(pod) && !isGoing(rs)) adopt(server, rs, pod);
  }
  return claimed(server, rs);
}

function claimed(server: ApiServer, rs: ReplicaSet): Pod[] {
  return server.all('pods').filter((pod) => controllerUid(pod) === rs.metadata.uid);
}

function release(server: ApiServer, rs: ReplicaSet, { metadata }: Pod): void {
  const ownerReferences = metadata.ownerReferences?.filter(({ uid }) => uid !== rs.metadata.uid);
  server.update(
    'pods',
    metadata.namespace ?? '',
    metadata.name,
    (live) => ({ ...live, metadata: { ...live.metadata, ownerReferences } }),
    WRITE,
  );
}

function adopt(server: ApiServer, rs: ReplicaSet, { metadata }: Pod): void {
  const ownerReferences = [...(metadata.ownerReferences ?? []), referenceTo(rs)];
  server.update(
    'pods',
    metadata.namespace ?? '',
    metadata.name,
    (live) => ({ ...live, metadata: { ...live.metadata, ownerReferences } }),
    WRITE,
  );
}

const referenceTo = ({ metadata: { name, uid } }: ReplicaSet) => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
});

/** The message of what was refused. */
function manage(server: ApiServer, rs: ReplicaSet, own: Pod[], seen: (pod: Pod) => Pod): string | undefined {
  const missing = rs.spec.replicas - own.length;
  const victims = own.map(seen).sort(byVictimOrder(own)).slice(0, Math.max(0, -missing));
  const steps = [
    ...Array.from({ length: Math.max(0, missing) }, () => () => void createPod(server, rs)),
    ...victims.map(({ metadata }) => () => {
      const { namespace = '', name, uid } = metadata;
      server.delete('pods', namespace, name, { ...WRITE, uid });
    }),
  ];
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return error.message;
    }
  }
  return undefined;
}

function createPod(server: ApiServer, rs: ReplicaSet): Pod {
  const { namespace = '', name } = rs.metadata;
  const { metadata, spec } = rs.spec.template;
  const { labels, annotations } = metadata ?? {};
  const body = {
    metadata: { generateName: `${name}-`, labels, annotations, ownerReferences: [referenceTo(rs)] },
    spec,
    status: { phase: 'Pending' },
  };
  return server.create('pods', namespace, body, WRITE);
}

/** ActivePodsWithRanks: unassigned, Pending, NotReady, cheaper, on a crowded node, more recently ready, newer. */
function byVictimOrder(all: readonly Pod[]): (a: Pod, b: Pod) => number {
  const perNode = (pod: Pod): number => all.filter(({ spec }) => spec.nodeName === pod.spec.nodeName).length;
  const rank = (pod: Pod): number[] => [
    pod.spec.nodeName === undefined ? 0 : 1,
    pod.status.phase === 'Pending' ? 0 : 1,
    isReady(pod) ? 1 : 0,
    Number(pod.metadata.annotations?.[DELETION_COST_ANNOTATION] ?? 0),
    -perNode(pod),
    -readySince(pod),
    -Date.parse(pod.metadata.creationTimestamp ?? ''),
  ];
  return (a, b) => {
    const other = rank(b);
    return rank(a).reduce((found, value, i) => found || value - (other[i] ?? 0), 0);
  };
}
