import { capacity } from '../../operator/decide/capacity';
import { templateHash } from '../../operator/decide/template';
import { MARKS } from '../../src/api/marks';
import { NAME_LABEL, RETIRE_FINALIZER, STATE_LABEL, TEMPLATE_HASH_ANNOTATION } from '../../src/api/names';
import { REFUSAL_WORD } from './catalogue/write-faults';
import type { Call } from './cluster/client';
import { controllerUid, type Hsd, isReady, type Pod } from './cluster/objects';
import type { Stage } from './stage';

/** What has to hold. Each answers with what does not, in words. */

/** More Pods than any plan has a use for: the scenarios want four. */
const MOST_PODS = 20;
const MOST_PODS_MADE = 48;
/** A pool that is written to more often than this has no way to rest. */
const MOST_WRITES = 700;

const broken = (checks: Record<string, boolean>): string[] =>
  Object.entries(checks).flatMap(([name, holds]) => (holds ? [] : [name]));

/** At every moment. */
export function always({ sessions, mostPods, podsMade, writesAtMs, unconditional }: Stage): string[] {
  return [
    ...sessions.lost.map(({ pod, by }) => `busy Pod ${pod} was ended by ${by}`),
    ...unconditional.map((write) => `without a precondition: ${write}`),
    ...broken({
      [`grows without end: ${mostPods} Pods at once, ${podsMade} made`]:
        mostPods <= MOST_PODS && podsMade <= MOST_PODS_MADE,
      [`never rests: ${writesAtMs.length} writes`]: writesAtMs.length <= MOST_WRITES,
    }),
  ];
}

/** So long must a session last to be marked, whatever else fails. */
const MARKED_WITHIN_MS = 10_000;

/** What stays until the faults are lifted. */
export interface Meanwhile {
  /** The first of each kind of request that is refused for good. */
  refused: readonly Call[];
  /** Whether a write to this Pod is. */
  refusesPod: (name: string) => boolean;
  canGrow: boolean;
  excused: ReadonlySet<string>;
}

/** While something fails for good: nobody else suffers, and it is told. */
export function whileItLasts(stage: Stage, { refused, refusesPod, canGrow, excused }: Meanwhile): string[] {
  const hsd = stage.hsd();
  if (hsd === undefined || hsd.metadata.deletionTimestamp !== undefined) return [];
  const { busy } = stage.sessions;
  const isRefused = (resource: string, subresource?: string): boolean =>
    refused.some(
      (call) => call.resource === resource && (subresource === undefined || call.subresource === subresource),
    );
  const live = stage.pods().filter(({ metadata }) => !excused.has(metadata.uid));
  const old = live.filter(
    ({ metadata }) => stage.time.elapsedMs - (busy.get(metadata.uid) ?? Infinity) > MARKED_WITHIN_MS,
  );
  const unmarked = old.filter(
    ({ metadata: { name, labels } }) => labels?.[STATE_LABEL] !== 'busy' && !refusesPod(name),
  );
  const busyCount = live.filter(({ metadata }) => busy.has(metadata.uid)).length;
  const wanted = wantedOf(hsd, busyCount);
  const { status = {} } = hsd;
  const isSilenced = isRefused('hotstandbydeployments', 'status');
  const told = JSON.stringify(status.conditions ?? []);
  const ready = status.conditions?.find(({ type }) => type === 'Ready')?.status;
  return broken({
    [`unmarked while busy: ${unmarked.map(({ metadata }) => metadata.name)}`]: unmarked.length === 0,
    [`does not grow: ${live.length} Pods, ${wanted.desired} wanted`]:
      !canGrow || isRefused('deployments') || live.length >= wanted.desired,
    [`busyCount ${status.busyCount} meanwhile, it is ${busyCount}`]: isSilenced || status.busyCount === busyCount,
    [`observedGeneration ${status.observedGeneration} meanwhile`]:
      isSilenced || status.observedGeneration === hsd.metadata.generation,
    'no condition tells of the refusal': isSilenced || refused.length === 0 || isTold(told),
    'Ready is True of a pool that cannot grow': canGrow || ready !== 'True',
  });
}

/** By the server's own words, or, of what somebody else is always faster with, by those that say so. */
const isTold = (conditions: string): boolean =>
  conditions.includes(REFUSAL_WORD) || conditions.includes('changes faster than it can be written');

/** Most writes within the last moments of what stays. */
const HELD_RATE = { windowMs: 20_000, most: 30, mostOfLostRaces: 100 };

export function rateMeanwhile({ writesAtMs, time }: Stage, isRace: boolean): string[] {
  const recent = writesAtMs.filter((at) => at > time.elapsedMs - HELD_RATE.windowMs).length;
  return broken({
    [`hammers: ${recent} writes in ${HELD_RATE.windowMs / 1000} s though one is refused`]:
      recent <= (isRace ? HELD_RATE.mostOfLostRaces : HELD_RATE.most),
  });
}

function wantedOf({ spec }: Hsd, busy: number) {
  const { idleTarget, minReplicas = 0, maxReplicas } = spec;
  return capacity({ busy, idleTarget, minReplicas, maxReplicas });
}

/** In the end, with nothing in the way any more. */
export function atRest(stage: Stage, quietSinceMs: number, excused: ReadonlySet<string>): string[] {
  const writes = stage.writesAtMs.filter((at) => at > quietSinceMs).length;
  const restless = broken({ [`not at rest: ${writes} writes in the last seconds`]: writes === 0 });
  const hsd = stage.hsd();
  if (hsd === undefined) return [...restless, ...afterDeletion(stage)];
  if (hsd.metadata.deletionTimestamp !== undefined) return [...restless, ...deleting(stage)];
  return [...restless, ...living(stage, hsd, excused)];
}

function living(stage: Stage, hsd: Hsd, excused: ReadonlySet<string>): string[] {
  const pods = stage.pods().filter(({ metadata }) => !excused.has(metadata.uid));
  const busy = pods.filter(({ metadata }) => stage.sessions.busy.has(metadata.uid));
  const child = stage.child();
  const wanted = wantedOf(hsd, busy.length);
  const detached = pods.filter((pod) => controllerUid(pod) === hsd.metadata.uid);
  const idle = pods.filter((pod) => isReady(pod) && pod.metadata.labels?.[STATE_LABEL] === 'idle');
  const { status = {} } = hsd;
  const image = imageOf(hsd.spec.podTemplate.spec);
  const hash = templateHash({ spec: hsd.spec } as never);
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  const told = JSON.stringify(status.conditions ?? []).includes(REFUSAL_WORD);
  return broken({
    [`${pods.length} Pods, ${wanted.desired} desired`]: pods.length === wanted.desired,
    [`${idle.length} idle Pods, ${wanted.idleWanted} wanted`]: idle.length === wanted.idleWanted,
    [`the child has ${child?.spec.replicas} replicas`]: child?.spec.replicas === wanted.desired - detached.length,
    'a detached Pod is idle': detached.every((pod) => busy.includes(pod)),
    'a Pod has no owner': pods.every((pod) => controllerUid(pod) !== undefined),
    'a Pod is not labelled': pods.every((pod) => pod.metadata.labels?.[NAME_LABEL] === hsd.metadata.name),
    'a busy Pod is not marked': busy.every(isMarked),
    'a Pod is marked busy and is not': pods.every(
      (pod) => busy.includes(pod) || pod.metadata.labels?.[STATE_LABEL] !== 'busy',
    ),
    'the child has not its template': child?.spec.template.metadata?.annotations?.[TEMPLATE_HASH_ANNOTATION] === hash,
    'the child is paused': child?.spec.paused !== true,
    'an idle Pod is of another template': idle.every((pod) => imageOf(pod.spec) === image),
    'a retired ReplicaSet is left': stage.server
      .all('replicasets')
      .every((rs) => !rs.metadata.finalizers?.includes(RETIRE_FINALIZER)),
    'the budget is missing': pods.length === 0 || stage.server.all('poddisruptionbudgets').length === 1,
    [`status says busy ${status.busyCount}, it is ${busy.length}`]: status.busyCount === busy.length,
    [`status says replicas ${status.replicas}, it is ${pods.length}`]: status.replicas === pods.length,
    [`status says available ${status.availableCount}, it is ${idle.length}`]: status.availableCount === idle.length,
    [`status is of generation ${status.observedGeneration}`]: status.observedGeneration === hsd.metadata.generation,
    [`Ready is ${ready?.status} (${ready?.reason})`]: ready?.status === 'True',
    'a condition tells of a refusal that is over': !told,
  });
}

const imageOf = (spec: unknown): unknown => (spec as Pod['spec']).containers[0]?.image;

function isMarked({ metadata: { labels, annotations } }: Pod): boolean {
  const marks = Object.entries(MARKS.busy);
  return labels?.[STATE_LABEL] === 'busy' && marks.every(([key, value]) => annotations?.[key] === value);
}

/** A drained pool waits for its sessions and for nothing else. */
function deleting(stage: Stage): string[] {
  const { busy } = stage.sessions;
  const idle = stage.pods().filter(({ metadata }) => !busy.has(metadata.uid));
  return broken({
    [`the deletion hangs: ${stage.hsd()?.metadata.finalizers}`]: busy.size > 0,
    'an idle Pod outlives the deletion': idle.length === 0,
  });
}

function afterDeletion(stage: Stage): string[] {
  const left = (['deployments', 'replicasets'] as const).flatMap((resource) => stage.server.all(resource));
  return broken({
    'a ReplicaSet keeps our finalizer': left.every(({ metadata }) => !metadata.finalizers?.includes(RETIRE_FINALIZER)),
  });
}
