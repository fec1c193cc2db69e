import { createHash } from 'node:crypto';
import { ApiError } from '../../../operator/kube/errors';
import type { ApiServer } from './api-server';
import {
  controllerUid,
  type Deployment,
  isActive,
  isGoing,
  isReady,
  matches,
  type Pod,
  type PodTemplate,
  type ReplicaSet,
  withMeta,
} from './objects';
import { isEqual } from './patch';

const DEPLOYMENT_CONTROLLER = 'system:serviceaccount:kube-system:deployment-controller';
const WRITE = { actor: DEPLOYMENT_CONTROLLER };
const HASH_LABEL = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';
const NOT_COPIED = new Set([REVISION, 'kubectl.kubernetes.io/last-applied-configuration']);

/** One sync, as pkg/controller/deployment does it. */
export function syncDeployment(server: ApiServer, namespace: string, name: string): boolean {
  const deployment = server.find('deployments', namespace, name);
  if (deployment === undefined) return true;
  claimReplicaSets(server, deployment);
  if (!isGoing(deployment)) {
    if (deployment.spec.paused) scale(server, deployment);
    else rollOut(server, deployment);
  }
  report(server, namespace, name);
  return true;
}

function claimReplicaSets(server: ApiServer, deployment: Deployment): void {
  for (const rs of server.all('replicasets')) {
    const owner = controllerUid(rs);
    const isWanted = matches(deployment.spec.selector.matchLabels, rs);
    if (owner === undefined && isWanted && !isGoing(rs) && !isGoing(deployment)) {
      own(server, rs, [...(rs.metadata.ownerReferences ?? []), referenceTo(deployment)]);
    }
    if (owner === deployment.metadata.uid && !isWanted && !isGoing(rs)) {
      own(server, rs, rs.metadata.ownerReferences?.filter(({ uid }) => uid !== owner) ?? []);
    }
  }
}

function own(
  server: ApiServer,
  { metadata }: ReplicaSet,
  ownerReferences: ReplicaSet['metadata']['ownerReferences'],
): void {
  server.update(
    'replicasets',
    metadata.namespace ?? '',
    metadata.name,
    (live) => withMeta(live, { ownerReferences }),
    WRITE,
  );
}

const referenceTo = ({ metadata: { name, uid } }: Deployment) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
});

function ownedBy(server: ApiServer, deployment: Deployment): ReplicaSet[] {
  return server.all('replicasets').filter((rs) => controllerUid(rs) === deployment.metadata.uid && !isGoing(rs));
}

/** Paused: the one active ReplicaSet takes the whole count; of several the largest takes the difference. */
function scale(server: ApiServer, deployment: Deployment): void {
  const all = ownedBy(server, deployment);
  const active = all.filter(({ spec }) => spec.replicas > 0);
  const { replicas } = deployment.spec;
  const [only] = active.length === 1 ? active : all.length === 1 ? all : [];
  if (only) {
    setReplicas(server, only, replicas);
    return;
  }
  const allowed = replicas === 0 ? 0 : replicas + surge(deployment);
  let difference = allowed - total(active);
  for (const rs of active.sort((a, b) => b.spec.replicas - a.spec.replicas)) {
    const change = Math.max(-rs.spec.replicas, difference);
    if (change !== 0) setReplicas(server, rs, rs.spec.replicas + change);
    difference -= change;
  }
}

function rollOut(server: ApiServer, deployment: Deployment): void {
  const all = ownedBy(server, deployment);
  const existing = all.find((rs) => isSameTemplate(rs.spec.template, deployment.spec.template));
  const current = existing ?? createReplicaSet(server, deployment, all);
  if (current === undefined) return;
  const old = all.filter(({ metadata }) => metadata.uid !== current.metadata.uid);
  setRevision(server, deployment, current, old);
  const { replicas } = deployment.spec;
  const room = replicas + surge(deployment) - total([current, ...old]);
  const wanted = Math.min(replicas, current.spec.replicas + Math.max(0, room));
  if (old.every(({ spec }) => spec.replicas === 0)) setReplicas(server, current, replicas);
  else if (current.spec.replicas > replicas) setReplicas(server, current, replicas);
  else if (wanted > current.spec.replicas) setReplicas(server, current, wanted);
  else lowerOld(server, deployment, current, old);
}

/** Old Pods go for available ones beyond what may be missing; unhealthy ones first. */
function lowerOld(server: ApiServer, deployment: Deployment, current: ReplicaSet, old: ReplicaSet[]): void {
  const { replicas } = deployment.spec;
  const least = replicas - unavailable(deployment);
  const available = [current, ...old].flatMap((rs) => podsOf(server, rs)).filter(isReady).length;
  const missing = current.spec.replicas - podsOf(server, current).filter(isReady).length;
  let budget = total([current, ...old]) - least - missing;
  for (const rs of old) {
    const unhealthy = rs.spec.replicas - podsOf(server, rs).filter(isReady).length;
    const change = Math.min(rs.spec.replicas, Math.max(0, Math.min(unhealthy, budget)));
    if (change > 0) setReplicas(server, rs, rs.spec.replicas - change);
    budget -= change;
  }
  let surplus = Math.min(available - least, budget);
  for (const { metadata } of old) {
    const rs = server.get('replicasets', metadata.namespace ?? '', metadata.name);
    const change = Math.min(rs.spec.replicas, Math.max(0, surplus));
    if (change > 0) setReplicas(server, rs, rs.spec.replicas - change);
    surplus -= change;
  }
}

/** Defaults of a Deployment: a quarter, rounded up for surge and down for unavailable. */
function surge({ spec }: Deployment): number {
  return numberOf(spec.strategy?.rollingUpdate?.maxSurge ?? '25%', spec.replicas, Math.ceil);
}

function unavailable({ spec }: Deployment): number {
  return numberOf(spec.strategy?.rollingUpdate?.maxUnavailable ?? '25%', spec.replicas, Math.floor);
}

function numberOf(value: number | string, of: number, round: (value: number) => number): number {
  return typeof value === 'number' ? value : round((Number.parseInt(value, 10) * of) / 100);
}

function total(replicaSets: readonly ReplicaSet[]): number {
  return replicaSets.reduce((sum, { spec }) => sum + spec.replicas, 0);
}

function podsOf(server: ApiServer, rs: ReplicaSet): Pod[] {
  return server.all('pods').filter((pod) => controllerUid(pod) === rs.metadata.uid && isActive(pod));
}

function setReplicas(server: ApiServer, { metadata, spec }: ReplicaSet, replicas: number): void {
  if (spec.replicas === replicas) return;
  const { namespace = '', name } = metadata;
  server.update('replicasets', namespace, name, (live) => ({ ...live, spec: { ...live.spec, replicas } }), WRITE);
}

function setRevision(server: ApiServer, deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): void {
  const newest = Math.max(0, ...old.map(({ metadata }) => Number(metadata.annotations?.[REVISION] ?? 0)));
  const before = Number(current.metadata.annotations?.[REVISION] ?? 0);
  const revision = String(before <= newest ? newest + 1 : before);
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !NOT_COPIED.has(key));
  annotate(server, 'replicasets', current, { ...Object.fromEntries(copied), [REVISION]: revision });
  annotate(server, 'deployments', deployment, { [REVISION]: revision });
}

function annotate(
  server: ApiServer,
  resource: 'replicasets' | 'deployments',
  { metadata }: { metadata: ReplicaSet['metadata'] },
  more: Record<string, string>,
): void {
  const { namespace = '', name } = metadata;
  server.update(
    resource,
    namespace,
    name,
    (live) => withMeta(live, { annotations: { ...live.metadata.annotations, ...more } }) as never,
    WRITE,
  );
}

function isSameTemplate(one: PodTemplate, other: PodTemplate): boolean {
  return isEqual(withoutHash(one), withoutHash(other));
}

function withoutHash(template: PodTemplate): unknown {
  const { [HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

/** The name holds the template's hash; one that is taken by another raises the count that goes into it. */
function createReplicaSet(
  server: ApiServer,
  deployment: Deployment,
  all: readonly ReplicaSet[],
): ReplicaSet | undefined {
  const { namespace = '', name } = deployment.metadata;
  const collisions = deployment.status?.collisionCount ?? 0;
  const { template, selector } = deployment.spec;
  const hash = hashOf(JSON.stringify([template, collisions]));
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  const newest = Math.max(0, ...all.map(({ metadata }) => Number(metadata.annotations?.[REVISION] ?? 0)));
  const room = Math.max(0, deployment.spec.replicas + surge(deployment) - total(all));
  const body = {
    metadata: {
      name: `${name}-${hash}`,
      labels,
      annotations: { [REVISION]: String(newest + 1) },
      ownerReferences: [referenceTo(deployment)],
    },
    spec: {
      replicas: Math.min(deployment.spec.replicas, room),
      selector: { matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
  try {
    return server.create('replicasets', namespace, body, WRITE);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'AlreadyExists') throw error;
    const status = { observedGeneration: 0, ...deployment.status, collisionCount: collisions + 1 };
    server.setStatus('deployments', deployment, status, DEPLOYMENT_CONTROLLER);
    return undefined;
  }
}

function hashOf(text: string): string {
  return createHash('sha1').update(text).digest('hex').slice(0, 8);
}

function report(server: ApiServer, namespace: string, name: string): void {
  const deployment = server.find('deployments', namespace, name);
  if (deployment === undefined) return;
  const all = ownedBy(server, deployment);
  const pods = all.flatMap((rs) => podsOf(server, rs));
  const failures = all.flatMap(
    ({ status }) => (status as { conditions?: { message: string }[] } | undefined)?.conditions ?? [],
  );
  const [failure] = failures;
  const status = {
    ...deployment.status,
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: pods.length,
    readyReplicas: pods.filter(isReady).length,
    conditions: failure ? [{ type: 'ReplicaFailure', status: 'True', message: failure.message }] : [],
  };
  server.setStatus('deployments', deployment, status, DEPLOYMENT_CONTROLLER);
}
