import { budgetName, childName, NAME_LABEL, RETIRE_FINALIZER } from '../../src/api/names';
import { selectorText } from '../decide/labels';
import type { DeploymentView, HsdView, Observation, PodView, Recollection, ReplicaSetView } from '../decide/model';
import { isLive } from '../decide/pods';
import type { ApiReader } from '../kube/api';
import { isNotFound } from '../kube/errors';
import { listAll } from '../kube/pages';
import { paths } from '../kube/paths';
import { findOrphans } from './orphans';
import {
  type DeploymentObject,
  type PodObject,
  projectDeployment,
  projectPod,
  projectReplicaSet,
  type ReplicaSetObject,
} from './project';
import type { World } from './world';

/** What of an observation is not in the world. */
export type Circumstances = Recollection & Pick<Observation, 'now' | 'probes' | 'guarded' | 'claims' | 'serverNow'>;

/**
 * Everything a decision about `hsd` needs. Reads the cache; only a child that is not labelled costs requests, and the
 * last look at a retired or orphaned ReplicaSet.
 */
export async function gather(
  client: ApiReader,
  world: World,
  hsd: HsdView,
  circumstances: Circumstances,
): Promise<Observation> {
  const key = `${hsd.namespace}/${hsd.name}`;
  const child = world.child(hsd) ?? (hsd.deleting ? undefined : await findUnlabelledChild(client, hsd));
  const replicaSets = world.replicaSets.of(key);
  const budget = world.budgets.get(hsd.namespace, budgetName(hsd.name));
  const emptied = await findEmptied(client, world, hsd, replicaSets);
  const unlabelled = await findUnlabelled(client, hsd, child, { replicaSets, pods: world.pods.of(key) });
  const orphans = await findOrphans(client, world, key, hsd);
  return {
    ...circumstances,
    hsd,
    ...(child && { child }),
    ...(budget && { budget }),
    cordoned: world.cordoned,
    replicaSets,
    pods: world.podsOf(hsd),
    emptied,
    unlabelled,
    orphans,
  };
}

/** A Deployment with the child's name that carries no label of ours: somebody's, or nobody's. */
async function findUnlabelledChild(client: ApiReader, hsd: HsdView): Promise<DeploymentView | undefined> {
  try {
    const path = paths.deployments.one(hsd.namespace, childName(hsd.name));
    return projectDeployment(await client.get<DeploymentObject>(path));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * Retired ReplicaSets that hold no live Pod any more. The cache says so first; a Pod made in the last moment may be
 * missing there, so the API server is asked, and what it has enters the cache.
 */
async function findEmptied(
  client: ApiReader,
  world: World,
  hsd: HsdView,
  replicaSets: readonly ReplicaSetView[],
): Promise<Set<string>> {
  const leaving = replicaSets.filter(
    (rs) => rs.deleting && rs.observed && rs.controller?.uid === hsd.uid && rs.finalizers.includes(RETIRE_FINALIZER),
  );
  if (leaving.length === 0) return new Set();
  const cached = ownersOf(world.pods.of(`${hsd.namespace}/${hsd.name}`));
  const empty = leaving.filter((rs) => !cached.has(rs.uid)).map((rs) => rs.uid);
  if (empty.length === 0) return new Set();
  // By the selector, not by our label: a child that was taken over makes its Pods without.
  const query = { labelSelector: selectorText(hsd.spec.selector.matchLabels) };
  const objects = await listAll<PodObject>(client, paths.pods.list(hsd.namespace), query);
  const owners = ownersOf(objects.map(projectPod));
  for (const object of objects) {
    const { controller } = projectPod(object);
    if (controller !== undefined && empty.includes(controller.uid)) world.pods.observe(hsd.namespace, object);
  }
  return new Set(empty.filter((uid) => !owners.has(uid)));
}

/** uids of the controllers of live Pods. */
function ownersOf(pods: readonly PodView[]): Set<string> {
  return new Set(pods.filter(isLive).flatMap(({ controller }) => (controller === undefined ? [] : [controller.uid])));
}

const NOTHING: Observation['unlabelled'] = { pods: [], replicaSets: [] };

/**
 * Pods and ReplicaSets of the child that lack our labels, so that no watch shows them: HotStandby did not make it, or
 * somebody (a hand, a policy) takes the labels out of its template or off what is made from it. They are known by owner.
 */
async function findUnlabelled(
  client: ApiReader,
  hsd: HsdView,
  child: DeploymentView | undefined,
  known: Known,
): Promise<Observation['unlabelled']> {
  const isOurs = ({ templateHash, templateKeys }: ReplicaSetView | DeploymentView): boolean =>
    templateHash !== undefined && templateKeys.hsd === hsd.name;
  const foreign = known.replicaSets.filter((rs) => !isOurs(rs));
  if (hsd.deleting || child === undefined || child.deleting) return NOTHING;
  if (isOurs(child) && foreign.length === 0 && isComplete(child, known)) return NOTHING;
  const query = { labelSelector: `${selectorText(child.matchLabels)},!${NAME_LABEL}` };
  const replicaSets = (await listAll<ReplicaSetObject>(client, paths.replicaSets.list(hsd.namespace), query))
    .map(projectReplicaSet)
    .filter((rs) => rs.controller?.uid === child.uid);
  const own = known.replicaSets.filter((rs) => rs.controller?.uid === child.uid);
  const owners = new Set([...replicaSets, ...foreign, ...own].map((rs) => rs.uid));
  const pods = (await listAll<PodObject>(client, paths.pods.list(hsd.namespace), query))
    .map(projectPod)
    .filter((pod: PodView) => pod.controller !== undefined && owners.has(pod.controller.uid) && !pod.deleting);
  return { pods, replicaSets };
}

interface Known {
  replicaSets: readonly ReplicaSetView[];
  pods: readonly PodView[];
}

/**
 * Whether what is known accounts for every Pod the controllers count. Only once they have come to rest: while Pods come
 * and go one watch is ahead of another, and asking then would cost requests for nothing.
 */
function isComplete(child: DeploymentView, { replicaSets, pods }: Known): boolean {
  const own = replicaSets.filter((rs) => rs.controller?.uid === child.uid);
  if (child.observedGeneration !== child.generation || own.some((rs) => rs.replicas !== rs.statusReplicas)) return true;
  if (own.reduce((sum, rs) => sum + rs.statusReplicas, 0) < child.statusReplicas) return false;
  const counts = new Map<string, number>();
  for (const { controller } of pods) {
    if (controller !== undefined) counts.set(controller.uid, (counts.get(controller.uid) ?? 0) + 1);
  }
  return own.every((rs) => (counts.get(rs.uid) ?? 0) >= rs.statusReplicas);
}
