import { capacity } from '../decide/capacity';
import { scaledEvent } from '../decide/events';
import type { DeploymentView, EventNote, HsdView, Observation, Plan, PodView, Write } from '../decide/model';
import { busyKeyOf, isLive, isProbed } from '../decide/pods';
import { isSessionPlan } from '../decide/reasons';
import { type SpareFloor, spareBeside } from '../decide/spare';

/** What the last pass over an hsd found; a head start reckons on from it. */
interface Basis {
  hsdUid: string;
  generation: number;
  childUid: string;
  templateHash: string | undefined;
  busy: number;
  /** Pods (uids) counted as busy because a claim is on its way to them: they do not turn busy once more. */
  reserved: Set<string>;
  floor: SpareFloor;
}

/** A scale write ahead of the pass, and the Event that tells of it: the pass will find the child as it should be. */
export interface Raise {
  write: Extract<Write, { kind: 'scaleChild' }>;
  event: EventNote;
}

/**
 * Lets the scale write of a new session leave before the pass over all Pods, whose time grows with their number (0.7 ms
 * for 1,000): keeps count of the Pods that turned busy, or are so no more, since the last pass.
 *
 * It only ever raises the child, only where nothing but a change of sessions happened since a pass that found nothing
 * unusual, and the pass that follows decides everything anew from what it sees itself. A count that is wrong for a moment
 * costs a Pod too many for a moment, never one too few that is busy.
 */
export class HeadStart {
  private readonly bases = new Map<string, Basis>();
  /** Busy Pods more (or fewer) than the last pass counted, by hsd. */
  private readonly turned = new Map<string, number>();

  /** A Pod of this hsd appeared, changed or went. */
  podChanged(key: string, hsd: HsdView, { current, previous }: { current?: PodView; previous?: PodView }): void {
    const basis = this.bases.get(key);
    if (basis === undefined) return;
    const change = Number(isMarkedBusy(current, hsd)) - Number(isMarkedBusy(previous, hsd));
    if (change > 0 && basis.reserved.delete(current?.uid ?? '')) return;
    if (change !== 0) this.turned.set(key, (this.turned.get(key) ?? 0) + change);
  }

  /** How to raise the child before the next pass; undefined: not at all, or the pass must look first. */
  raise(key: string, hsd: HsdView, child: DeploymentView | undefined): Raise | undefined {
    const basis = this.bases.get(key);
    const turned = this.turned.get(key) ?? 0;
    if (basis === undefined || turned <= 0 || child === undefined || !isSame(basis, hsd, child)) return undefined;
    const busy = basis.busy + turned;
    const { idleTarget, minReplicas } = spareBeside(basis.floor, hsd.spec, busy);
    const wanted = capacity({ busy, idleTarget, minReplicas, maxReplicas: hsd.spec.maxReplicas });
    if (wanted.desired <= child.replicas) return undefined;
    const write: Raise['write'] = { kind: 'scaleChild', child, replicas: wanted.desired };
    return { write, event: scaledEvent(hsd, { from: child.replicas, to: wanted.desired }, wanted) };
  }

  /** A pass has seen everything up to now and made `plan` of it. Call it before anything else can happen. */
  seen(key: string, { hsd, claims }: Observation, child: DeploymentView | undefined, plan: Plan): void {
    this.turned.delete(key);
    const { floor, status } = plan;
    if (child === undefined || floor === undefined || !isOrdinary(hsd, child, plan)) {
      this.bases.delete(key);
      return;
    }
    const { uid: hsdUid, generation } = hsd;
    const { uid: childUid, templateHash } = child;
    const reserved = new Set(claims.reserved);
    this.bases.set(key, { hsdUid, generation, childUid, templateHash, busy: status.busyCount ?? 0, reserved, floor });
  }

  /** The hsd is gone. */
  forget(key: string): void {
    this.turned.delete(key);
    this.bases.delete(key);
  }
}

function isSame(basis: Basis, hsd: HsdView, child: DeploymentView): boolean {
  const isHsd = hsd.uid === basis.hsdUid && hsd.generation === basis.generation && !hsd.deleting;
  const isChild = child.uid === basis.childUid && child.templateHash === basis.templateHash;
  return isHsd && isChild && !child.paused && !child.deleting;
}

/**
 * Nothing but sessions, and the marks and scale writes they cause: no rollout, no takeover, no Pod outside the child, and
 * a template whose Pods have been available, so that nothing but sessions bounds its growth (decide/growth.ts).
 */
function isOrdinary(hsd: HsdView, child: DeploymentView, { status, reason, growth }: Plan): boolean {
  const isMine = child.controller?.uid === hsd.uid && child.hsd === hsd.name && !child.templateEdited;
  const isCounted = (status.detachedCount ?? 0) === 0 && (status.unknownCount ?? 0) === 0;
  return (
    isMine && isCounted && growth?.proven === child.templateHash && isSessionPlan(reason) && hsd.spec.paused !== true
  );
}

/** As decide/pods reads a Pod that marks itself; one that HTTP probes tell about never counts here. */
function isMarkedBusy(pod: PodView | undefined, { spec }: HsdView): boolean {
  if (pod === undefined || !isLive(pod) || isProbed(pod, spec)) return false;
  const key = busyKeyOf(spec);
  return pod.trueKeys.some((trueKey) => trueKey === key || trueKey === pod.busyKey);
}
