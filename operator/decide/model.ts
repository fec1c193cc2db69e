import type { PodState } from '../../src/api/marks';
import type { HotStandbySpec, HotStandbyStatus } from '../../src/api/types';
import type { Attempts } from './attempts';
import type { Learning } from './learning';
import type { EventAction, EventReason, Explanation, PlanReason, RefusalReason } from './reasons';
import type { SpareFloor } from './spare';

/**
 * What `decide` reads and what it answers. Views hold only the fields a decision needs (see observe/project.ts). Times in
 * views are the API server's, in milliseconds since 1970; every duration is one of the monotonic clock, which no
 * correction of the machine's clock moves.
 */

export interface ObjectView {
  uid: string;
  namespace: string;
  name: string;
  resourceVersion: string;
}

/** The owner that controls an object: `ownerReferences[]` with `controller: true`. */
export interface Controller {
  kind: string;
  name: string;
  uid: string;
}

export interface HsdView extends ObjectView {
  generation: number;
  deleting: boolean;
  finalizers: readonly string[];
  spec: HotStandbySpec;
  status: HotStandbyStatus;
}

/** Our own keys in a Pod template as the API server has it: what makes its Pods ours, and tells how they are read. */
export interface TemplateKeys {
  hsd?: string;
  state?: string;
  busyKey?: string;
}

export interface DeploymentView extends ObjectView {
  generation: number;
  observedGeneration: number;
  deleting: boolean;
  controller?: Controller;
  /** Value of the name label: the hsd this Deployment says it belongs to. */
  hsd?: string;
  matchLabels: Readonly<Record<string, string>>;
  replicas: number;
  paused: boolean;
  /** Fingerprint in the template's annotations; absent on a child HotStandby did not write. */
  templateHash?: string;
  templateKeys: TemplateKeys;
  /** Somebody else owns template fields that Git does not hold, or did when they were last looked at. */
  templateEdited: boolean;
  /** `deployment.kubernetes.io/revision`, the revision of the current ReplicaSet. */
  revision?: string;
  /** Pods its controller counts, over all of its ReplicaSets. */
  statusReplicas: number;
  /** Message of the condition ReplicaFailure (quota, admission) while it is True. */
  replicaFailure?: string;
  /** Message of the condition Progressing while it is False: the rollout has passed its deadline. */
  deadlineExceeded?: string;
  settings: ChildSettings;
}

/** Fields of the child's spec that are passed on, a fingerprint of its own metadata, and whether the garbage collector must wait for its sessions. */
export interface ChildSettings {
  minReadySeconds: number;
  revisionHistoryLimit: number;
  progressDeadlineSeconds: number;
  /** In one line (template.ts). */
  strategy: string;
  drainOnDelete: boolean;
  /** Not compared by value: a policy that rewrites a label must not make the operator write for ever. '': none. */
  metadataHash: string;
}

/** `spec.strategy` of a Deployment. */
export interface ChildStrategy {
  type?: string;
  rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string };
}

/** The PodDisruptionBudget over an hsd's busy Pods. */
export interface BudgetView extends ObjectView {
  hsd?: string;
  /** -1: none, or a percentage. */
  minAvailable: number;
  selector: unknown;
  unhealthyPodEvictionPolicy?: string;
  /** The garbage collector must wait for its sessions. */
  drainOnDelete: boolean;
}

export interface ReplicaSetView extends ObjectView {
  hsd?: string;
  controller?: Controller;
  deleting: boolean;
  finalizers: readonly string[];
  /** The ReplicaSet controller has seen it as it is: what it does from now on, it does knowing that. */
  observed: boolean;
  replicas: number;
  statusReplicas: number;
  templateHash?: string;
  templateKeys: TemplateKeys;
  revision?: string;
}

export interface PodView extends ObjectView {
  hsd?: string;
  state?: PodState;
  controller?: Controller;
  deleting: boolean;
  phase: string;
  ready: boolean;
  /** When it last became Ready; 0 when it is not or nobody knows. */
  readySince: number;
  /** At least one container is running: without one no session can be held. */
  running: boolean;
  /** Keys of the annotations whose value is "true" in any letter case. */
  trueKeys: readonly string[];
  /** Key the Pod itself was started with (`hsd.paia.tech/busy-key`). */
  busyKey?: string;
  /** Its annotation says something else, or nothing any more. */
  untrueKey?: true;
  /** Fingerprint of the template it was made from. */
  templateHash?: string;
  /** Annotations of MARKS as they stand. */
  marks: Readonly<Record<string, string>>;
  /** The record of a claim: `hsd.paia.tech/session` and its companions. */
  session?: SessionView;
  /** All labels but the state; one object for all Pods that have the same. */
  labels: Readonly<Record<string, string>>;
  /** Of all containers; one array for all Pods that have the same. */
  ports: readonly PortView[];
  createdAt: number;
  node?: string;
  ip?: string;
  hostNetwork: boolean;
  /** It is scheduled to cordoned nodes as to any other. */
  ignoresCordon?: true;
}

/** What a claim wrote on its Pod. Times by the API server's clock. */
export interface SessionView {
  id: string;
  claimedBy: string;
  /** 0 when nobody can tell. */
  claimedAt: number;
  /** Absent: only who holds the session ends it. */
  expiresAt?: number;
}

export interface PortView {
  name?: string;
  containerPort: number;
  protocol: string;
}

/** What the claims service has in hand of one hsd; nothing without the service. */
export interface ClaimsView {
  /** Pods (uids) a claim is being written to. */
  reserved: ReadonlySet<string>;
  /** Callers that wait for a Pod. */
  waiting: number;
}

/** Last answer of an HTTP probe. `unknown`: the probe itself failed. */
export interface ProbeAnswer {
  state: 'busy' | 'idle' | 'unknown';
  /** When the question was sent, monotonic. */
  checkedAt: number;
  /** The last valid answer of this very Pod, when `state` is unknown and there was one. */
  lastAnswer?: 'busy' | 'idle';
  /** Why `state` is unknown, one word of a closed list. */
  reason?: string;
}

/** Why the API server refused the child Deployment for this generation. */
export interface Refusal extends Explanation<RefusalReason> {
  generation: number;
}

/** So many Pods were wanted at that time (monotonic). */
export interface Recommendation {
  at: number;
  replicas: number;
}

/** What is remembered for the bound on growth (growth.ts). Templates are known by their fingerprint. */
export interface Growth {
  /** The last template of which a Pod has been available. */
  proven?: string;
  /** Since when Pods that never were available have asked for more than is given at once. */
  held?: { template: string; since: number };
}

/** A ReplicaSet nobody looks after any more (decide/orphans.ts), and what has to outlive it. */
export interface Orphan {
  replicaSet: ReplicaSetView;
  /** Pods that would go with it. */
  pods: readonly PodView[];
}

/** A Pod's readiness of this very transition was first seen then (monotonic). */
export interface SeenReady {
  readySince: number;
  at: number;
}

/** What the passes before have left (decide/memory.ts). */
export interface Recollection {
  /** When each Pod was first seen labelled `draining`, by uid. */
  drainingSince: ReadonlyMap<string, number>;
  /** When each running Pod was first seen without readiness, by uid. */
  unreadySince: ReadonlyMap<string, number>;
  /** When each Ready Pod was first seen so, by uid; empty without minReadySeconds. */
  seenReady: ReadonlyMap<string, SeenReady>;
  /** How many Pods were wanted lately, for `behavior.scaleDown.stabilizationWindowSeconds`. */
  recommendations: readonly Recommendation[];
  /** Ready Pods (uids) that have answered a probe, or were asked anew since they became Ready. */
  asked: ReadonlySet<string>;
  /** When this process last scaled the child (RFC 3339); undefined: it has not. */
  lastScaleTime?: string;
  refusal?: Refusal;
  /** Undefined: nothing is known yet. */
  growth?: Growth;
  /** What was sent and is wanted all the same. */
  attempts: Attempts;
  /** Every annotation key that said busy since this process looks after the hsd. */
  seenKeys: ReadonlySet<string>;
  /** Undefined: autoIdle is off, or has seen nothing. */
  learning?: Learning;
  /** What decided on the number of spares last (SpareFloor.key); undefined: nothing is known yet. */
  spareKey?: string;
}

export interface Observation extends Recollection {
  /** Monotonic milliseconds: every time in Recollection, and of a probe, is one of these. */
  now: number;
  hsd: HsdView;
  /** The Deployment with the child's name, whoever it belongs to. */
  child?: DeploymentView;
  replicaSets: readonly ReplicaSetView[];
  pods: readonly PodView[];
  /** Answers of `mode: http`, by Pod uid; a Pod without an entry was not probed yet. */
  probes: ReadonlyMap<string, ProbeAnswer>;
  /** The labelled PodDisruptionBudget with the hsd's budget name. */
  budget?: BudgetView;
  /** Names of nodes no Pod may be scheduled to. */
  cordoned: ReadonlySet<string>;
  /** The admission policy that keeps ReplicaSets from ending busy Pods is installed. */
  guarded: boolean;
  /** Retired ReplicaSets (uids) of which the API server itself has just said that they hold no live Pod. */
  emptied: ReadonlySet<string>;
  claims: ClaimsView;
  /**
   * The API server's clock, milliseconds since the epoch: the earliest it can show now. Sessions expire by it, whatever
   * the clock of this machine says.
   */
  serverNow: number;
  /** A takeover: Pods and ReplicaSets of the child that carry none of our labels yet. */
  unlabelled: { pods: readonly PodView[]; replicaSets: readonly ReplicaSetView[] };
  /** Those that can be let go of now. */
  orphans: readonly Orphan[];
}

/**
 * One request to the API server. `apply/` knows how each is sent; every one that can end a Pod carries uid and
 * resourceVersion. A budget goes by its uid alone: the disruption controller writes its status with every session.
 */
export type Write =
  | { kind: 'scaleChild'; child: DeploymentView; replicas: number }
  | { kind: 'resumeChild'; child: DeploymentView; replicas: number }
  | { kind: 'applyChild'; child?: DeploymentView; manifest: ChildManifest; takeOwnership: boolean }
  | {
      kind: 'markPod';
      pod: PodView;
      state: PodState;
      labels: Record<string, string>;
      annotations: Record<string, string | null>;
      /** Refused when the Pod has changed since it was seen. */
      unchangedOnly: boolean;
    }
  | {
      kind: 'endSession';
      pod: PodView;
      labels: Record<string, string>;
      annotations: Record<string, string | null>;
    }
  | { kind: 'labelReplicaSet'; replicaSet: ReplicaSetView; hsd: string }
  | { kind: 'ownReplicaSet'; replicaSet: ReplicaSetView }
  | { kind: 'deleteReplicaSet'; replicaSet: ReplicaSetView }
  | OrphanWrite
  | { kind: 'ownPod'; pod: PodView }
  | { kind: 'deletePod'; pod: PodView }
  | { kind: 'createBudget'; name: string }
  | { kind: 'repairBudget'; budget: BudgetView }
  | { kind: 'markBudget'; budget: BudgetView; value: 'true' | null }
  | { kind: 'deleteBudget'; budget: BudgetView }
  | { kind: 'releaseChild'; child: DeploymentView }
  | { kind: 'addFinalizer'; finalizer: string }
  | { kind: 'removeFinalizer'; finalizer: string };

/** These need no hsd: it may be gone. */
export type OrphanWrite =
  | { kind: 'disownPod'; pod: PodView }
  | { kind: 'releaseReplicaSet'; replicaSet: ReplicaSetView };

export interface ChildManifest {
  apiVersion: 'apps/v1';
  kind: 'Deployment';
  metadata: Record<string, unknown> & { name: string; namespace: string; annotations?: Record<string, string> };
  spec: Record<string, unknown> & { replicas: number; paused?: true };
}

/** `Expired`: its time ran out. `Duplicate`: two Pods held it, and the other one did first. */
export type SessionEndReason = 'Expired' | 'Duplicate';

export interface SessionEnd {
  pod: PodView;
  session: SessionView;
  reason: SessionEndReason;
}

export interface EventNote {
  type: 'Normal' | 'Warning';
  reason: EventReason;
  action: EventAction;
  note: string;
}

export interface Plan {
  /** In this order; one that fails holds up those alone that need it (attempts.ts). */
  writes: Write[];
  /** To be remembered: attempts at what is still wanted. */
  attempts: Attempts;
  status: HotStandbyStatus;
  events: EventNote[];
  /** What is wanted now, to be remembered for the stabilization window; undefined: nothing to remember. */
  recommendation?: number;
  /** To be remembered for the bound on growth; undefined: what is known stays. */
  growth?: Growth;
  /** What autoIdle knows now; undefined: it is off, or what is known stays. */
  learning?: Learning;
  /** How many spares are wanted beside any number of busy Pods; undefined: nobody asked. */
  floor?: SpareFloor;
  /** What decided on it (Spare.key). */
  spareKey?: string;
  /** Pods (uids) to probe now, out of turn: they are about to be ended, or have just become Ready. */
  probe: string[];
  /** Sessions that end by this plan, and why. */
  ended: readonly SessionEnd[];
  /** Look again after so many milliseconds even if nothing changes. */
  requeueAfterMs?: number;
  /** For logs and metrics. */
  reason: PlanReason;
}
