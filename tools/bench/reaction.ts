/** From a committed busy annotation to written replicas, operator and bare loop in turn over the same Pods. */
import type { ApiClient } from '../../operator/kube/client';
import type { Mirror, PodLook } from './mirror';
import { BARE, type Contender, flip, forEach, isFree, OPERATOR, type Pool, settle, wait } from './pools';
import type { Log } from './rig';
import { type Summary, summarize } from './stats';

export interface Scene {
  api: ApiClient;
  mirror: Mirror;
  log: Log;
}

/** Milliseconds. */
export interface Reactions {
  operator: Summary;
  bare: Summary;
}

/** Sessions open before all of them are ended and everything settles again: few, where there are few Pods. */
const BATCH = 60;
const SMALL_BATCH = 10;
/** After the new Pod is marked: the status is still to be written. */
const AFTERMATH_MS = { operator: 100, 'bare loop': 40 } as const;
/** A busy machine is no failure, a Pod that never comes is. */
const POD_WAIT_MS = 120_000;
const CALM_WAIT_MS = 3_000;
const POLL_MS = 20;

/**
 * Takes `samples` of each contender, one at a time, each on a Pod and (where there are several) an hsd of its own; what
 * follows a sample has died down before the next.
 */
export async function measureReactions(scene: Scene, pools: readonly Pool[], samples: number): Promise<Reactions> {
  const taken: Taken = { operator: [], 'bare loop': [] };
  const pods = pools.reduce((sum, { idleTarget }) => sum + idleTarget, 0);
  const batch = pods < BATCH ? SMALL_BATCH : BATCH;
  while (taken.operator.length < samples) {
    const open: PodLook[] = [];
    while (open.length < batch && taken.operator.length < samples) open.push(await takePair(scene, pools, taken));
    scene.log(`  ${taken.operator.length} of ${samples} samples`);
    await forEach(open, (pod) => flip(scene.api, pod, OPERATOR, false));
    await settle(scene.mirror, pools, scene.log);
  }
  return { operator: summarize(taken.operator), bare: summarize(taken['bare loop']) };
}

type Taken = Record<Contender['name'], number[]>;

/** One sample of each contender; resolves to the Pod whose session with the operator goes on. */
async function takePair(scene: Scene, pools: readonly Pool[], taken: Taken): Promise<PodLook> {
  const turn = taken.operator.length;
  const pool = pools[turn % pools.length];
  if (pool === undefined) throw new Error('no hsd to measure');
  const ofOperator = async (): Promise<PodLook> => {
    const pod = await freePod(scene.mirror, pool);
    taken.operator.push(await react(scene, pool, pod, OPERATOR));
    await calm(scene.mirror, pool, OPERATOR);
    return pod;
  };
  const ofBareLoop = async (): Promise<void> => {
    const pod = await freePod(scene.mirror, pool);
    taken['bare loop'].push(await react(scene, pool, pod, BARE));
    await takeBack(scene, pool, pod);
    await calm(scene.mirror, pool, BARE);
  };
  // Who goes first changes, so that neither always finds the machine as the other left it.
  if (turn % 2 === 1) await ofBareLoop();
  const pod = await ofOperator();
  if (turn % 2 === 0) await ofBareLoop();
  return pod;
}

/** Ends a session only the bare loop knows of: at no cost, since its Deployment has no Pods. */
async function takeBack({ api, mirror }: Scene, pool: Pool, pod: PodLook): Promise<void> {
  const back = mirror.whenReplicas(pool.namespace, BARE.target(pool.name), (replicas) => replicas === pool.idleTarget);
  await Promise.all([flip(api, pod, BARE, false), back]);
}

async function react({ api, mirror }: Scene, pool: Pool, pod: PodLook, contender: Contender): Promise<number> {
  const target = contender.target(pool.name);
  const before = mirror.replicasOf(pool.namespace, target);
  const written = mirror.whenReplicas(pool.namespace, target, (replicas) => replicas > before);
  const [committed, at] = await Promise.all([flip(api, pod, contender, true), written]);
  return Math.max(0, at - committed);
}

async function freePod(mirror: Mirror, { namespace, name }: Pool): Promise<PodLook> {
  const deadline = performance.now() + POD_WAIT_MS;
  for (;;) {
    const pod = mirror.podsOf(namespace, name).find(isFree);
    if (pod !== undefined) return pod;
    if (performance.now() > deadline) throw new Error(`no free Pod in ${namespace}/${name} after ${POD_WAIT_MS} ms`);
    await wait(POLL_MS);
  }
}

async function calm(mirror: Mirror, { namespace, name }: Pool, contender: Contender): Promise<void> {
  const deadline = performance.now() + CALM_WAIT_MS;
  const isCalm = (): boolean => {
    const pods = mirror.podsOf(namespace, name);
    const wanted = mirror.replicasOf(namespace, OPERATOR.target(name));
    return pods.length === wanted && pods.every(({ ready, state }) => ready && state !== 'starting');
  };
  while (!isCalm() && performance.now() < deadline) await wait(POLL_MS);
  await wait(AFTERMATH_MS[contender.name]);
}
