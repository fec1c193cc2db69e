import { DELETION_COST_ANNOTATION } from '../../../../src/api/names';
import type { Cluster, SimDeployment, SimPod, SimReplicaSet, SimTemplate } from './cluster';

/** The controllers of kube-controller-manager as far as they touch a child, and the kubelet. Each call is one sync. */

/** Settings of every child, see childManifest. */
const MAX_SURGE = 1;

export function deploymentController(cluster: Cluster): void {
  const { child } = cluster;
  if (child === undefined || child.deleting) return;
  adoptReplicaSets(cluster, child);
  const owned = [...cluster.replicaSets.values()].filter((rs) => rs.controller?.uid === child.uid && !rs.deleting);
  const current = owned.find((rs) => sameTemplate(rs.template, child.template));
  if (child.paused) scaleProportionally(cluster, child, owned);
  else rollOut(cluster, child, owned, current);
  if (child.observedGeneration !== child.generation) cluster.touch(child, { observedGeneration: child.generation });
}

function adoptReplicaSets(cluster: Cluster, child: SimDeployment): void {
  for (const rs of cluster.replicaSetsOf(undefined)) {
    if (!rs.deleting) {
      cluster.touch(rs, { controller: { kind: 'Deployment', name: child.name, uid: child.uid } });
    }
  }
}

function sameTemplate(a: SimTemplate, b: SimTemplate): boolean {
  return JSON.stringify(fingerprint(a)) === JSON.stringify(fingerprint(b));
}

function fingerprint({ labelled, templateHash, ownKey, restartedAt, edit }: SimTemplate): unknown[] {
  return [labelled, templateHash, ownKey, restartedAt, edit];
}

/** dc.scale(): the one active ReplicaSet takes the whole count; of several the largest takes the difference. */
function scaleProportionally(cluster: Cluster, child: SimDeployment, owned: SimReplicaSet[]): void {
  const active = owned.filter((rs) => rs.replicas > 0);
  const [only] = active.length === 1 ? active : owned.length === 1 ? owned : [];
  if (only) {
    setReplicas(cluster, only, child.replicas);
    return;
  }
  const allowed = child.replicas === 0 ? 0 : child.replicas + MAX_SURGE;
  let difference = allowed - total(active);
  for (const rs of active.sort((a, b) => b.replicas - a.replicas)) {
    const change = Math.max(-rs.replicas, difference);
    if (change !== 0) setReplicas(cluster, rs, rs.replicas + change);
    difference -= change;
  }
}

function rollOut(
  cluster: Cluster,
  child: SimDeployment,
  owned: SimReplicaSet[],
  existing: SimReplicaSet | undefined,
): void {
  const current = existing ?? createReplicaSet(cluster, child);
  const old = owned.filter((rs) => rs !== current);
  const newest = Math.max(0, ...old.map((rs) => Number(rs.revision ?? 0)));
  if (Number(current.revision ?? 0) <= newest) cluster.touch(current, { revision: String(newest + 1) });
  if (child.revision !== current.revision) cluster.touch(child, { revision: current.revision });
  const room = child.replicas + MAX_SURGE - total([current, ...old]);
  const wanted = Math.min(child.replicas, current.replicas + Math.max(0, room));
  if (old.every((rs) => rs.replicas === 0)) setReplicas(cluster, current, child.replicas);
  else if (current.replicas > child.replicas) setReplicas(cluster, current, child.replicas);
  else if (wanted > current.replicas) setReplicas(cluster, current, wanted);
  else scaleDownOld(cluster, child, current, old);
}

/** maxUnavailable 0: an old Pod goes for each available one beyond the wanted count. */
function scaleDownOld(cluster: Cluster, child: SimDeployment, current: SimReplicaSet, old: SimReplicaSet[]): void {
  const available = [current, ...old].flatMap((rs) => podsOf(cluster, rs)).filter((pod) => pod.ready).length;
  let surplus = available - child.replicas;
  for (const rs of old) {
    const change = Math.min(rs.replicas, Math.max(0, surplus));
    if (change > 0) setReplicas(cluster, rs, rs.replicas - change);
    surplus -= change;
  }
}

function total(replicaSets: readonly SimReplicaSet[]): number {
  return replicaSets.reduce((sum, rs) => sum + rs.replicas, 0);
}

function setReplicas(cluster: Cluster, rs: SimReplicaSet, replicas: number): void {
  if (rs.replicas !== replicas) cluster.touch(rs, { replicas });
}

/** The name holds the template's hash; a name that is taken raises the collision count, which changes the hash. */
function createReplicaSet(cluster: Cluster, child: SimDeployment): SimReplicaSet {
  const taken = new Set([...cluster.replicaSets.values()].map((rs) => rs.podHash));
  const hash = JSON.stringify(fingerprint(child.template));
  let collisions = 0;
  while (taken.has(`${hash}/${collisions}`)) collisions++;
  const rs: SimReplicaSet = {
    ...cluster.identity('rs'),
    ...(child.template.labelled && { hsd: cluster.hsd.name }),
    controller: { kind: 'Deployment', name: child.name, uid: child.uid },
    deleting: false,
    finalizers: [],
    observed: false,
    replicas: 0,
    statusReplicas: 0,
    revision: '1',
    template: { ...child.template },
    podHash: `${hash}/${collisions}`,
  };
  cluster.replicaSets.set(rs.uid, rs);
  return rs;
}

function podsOf(cluster: Cluster, rs: SimReplicaSet): SimPod[] {
  return cluster.livePods().filter((pod) => pod.controller?.uid === rs.uid);
}

export function replicaSetController(cluster: Cluster, rs: SimReplicaSet): void {
  if (!rs.observed) cluster.touch(rs, { observed: true });
  // A ReplicaSet being deleted neither makes, nor ends, nor adopts Pods.
  if (rs.deleting) return;
  for (const pod of cluster.livePods()) {
    if (pod.controller === undefined && pod.podHash === rs.podHash) {
      cluster.touch(pod, { controller: { kind: 'ReplicaSet', name: rs.name, uid: rs.uid } });
    }
  }
  const own = podsOf(cluster, rs);
  for (let missing = rs.replicas - own.length; missing > 0; missing--) cluster.createPod(rs);
  for (const pod of own.sort(byVictimOrder).slice(0, Math.max(0, own.length - rs.replicas))) {
    if (cluster.guards(pod)) cluster.refused++;
    else cluster.deletePod(pod, 'ReplicaSet controller');
  }
  const { length } = podsOf(cluster, rs);
  if (rs.statusReplicas !== length) cluster.touch(rs, { statusReplicas: length });
}

/** ActivePodsWithRanks of pkg/controller: unassigned, Pending, NotReady, cheaper, more recently ready, newer. */
function byVictimOrder(a: SimPod, b: SimPod): number {
  const rank = (pod: SimPod): number[] => [
    pod.node === undefined ? 0 : 1,
    pod.phase === 'Pending' ? 0 : 1,
    pod.ready ? 1 : 0,
    Number(pod.annotations[DELETION_COST_ANNOTATION] ?? 0),
    -pod.readySince,
    -pod.createdAt,
  ];
  const other = rank(b);
  return rank(a).reduce((found, value, i) => found || value - (other[i] ?? 0), 0);
}

/** Its cache is behind: it does not know of the deletion yet, nor of its last Pods, and makes one more. */
export function lateReplicaSetController(cluster: Cluster, rs: SimReplicaSet): SimPod | undefined {
  return rs.deleting && !rs.observed ? cluster.createPod(rs) : undefined;
}

/** Ends Pods whose ReplicaSet is no more, at most `most` at a time. */
export function garbageCollector(cluster: Cluster, most: number): void {
  const dangling = cluster
    .livePods()
    .filter(({ controller }) => controller?.kind === 'ReplicaSet' && !cluster.replicaSets.has(controller.uid));
  for (const pod of dangling.slice(0, most)) cluster.deletePod(pod, 'garbage collector');
}

/** Scheduler and kubelet: every Pod one step further, as far as `to`. */
export function kubelet(cluster: Cluster, pod: SimPod, to: 'assigned' | 'running' | 'ready' | 'notReady'): void {
  if (pod.deleting) cluster.pods.delete(pod.uid);
  else if (to === 'assigned') {
    const nodes = ['node-1', 'node-2', 'node-3'].filter((node) => !cluster.cordoned.has(node));
    const node = nodes[Number(pod.name.slice('pod-'.length)) % nodes.length];
    if (pod.node === undefined && node !== undefined) cluster.touch(pod, { node });
  } else if (pod.node === undefined) kubelet(cluster, pod, 'assigned');
  else if (pod.phase === 'Pending') cluster.touch(pod, { phase: 'Running', running: true });
  else if (to === 'ready' && !pod.ready) cluster.touch(pod, { ready: true, readySince: cluster.now });
  else if (to === 'notReady' && pod.ready) cluster.touch(pod, { ready: false });
}

/** Every controller until nothing moves any more; Pods stay as ready as they are. */
export function settleControllers(cluster: Cluster): void {
  for (let round = 0; round < 50; round++) {
    const before = cluster.newestVersion;
    deploymentController(cluster);
    for (const rs of [...cluster.replicaSets.values()]) replicaSetController(cluster, rs);
    garbageCollector(cluster, Number.POSITIVE_INFINITY);
    if (cluster.newestVersion === before) return;
  }
  throw new Error('the controllers never settle');
}
