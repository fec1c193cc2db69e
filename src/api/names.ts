/** Every name that users, Git and other controllers may rely on. Changing one is a breaking change. */

export const GROUP = 'apps.paia.tech';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;
export const KIND = 'HotStandbyDeployment';
export const LIST_KIND = `${KIND}List`;
export const PLURAL = 'hotstandbydeployments';
export const SINGULAR = 'hotstandbydeployment';
export const SHORT_NAME = 'hsd';
export const CRD_NAME = `${PLURAL}.${GROUP}`;

/** Field manager of every write the operator makes. */
export const FIELD_MANAGER = 'hotstandby';

/** Labels and annotations that begin with it are HotStandby's own: none is taken from a Pod template or a selector. */
export const RESERVED_PREFIX = 'hsd.paia.tech/';

/** On the child Deployment, its ReplicaSets and Pods: the name of the HotStandbyDeployment they belong to. */
export const NAME_LABEL = 'hsd.paia.tech/name';
/** On Pods: `starting`, `idle`, `busy` or `draining`. A Service that selects `idle` reaches only Pods free for a session. */
export const STATE_LABEL = 'hsd.paia.tech/state';
/** On the Pod template: which annotation key says busy; empty in http mode. Admission policies read it from the Pod. */
export const BUSY_KEY_ANNOTATION = 'hsd.paia.tech/busy-key';
/** On the Pod template: fingerprint of what the user wrote there. Tells a changed template from an applied one. */
export const TEMPLATE_HASH_ANNOTATION = 'hsd.paia.tech/template-hash';

/** Annotation that marks a Pod busy unless `busyProbe.annotationKey` names another. */
export const DEFAULT_BUSY_ANNOTATION = 'paia.tech/busy';

/** On a Pod that was claimed: the session that holds it. With its three companions below the whole record of the claim. */
export const SESSION_ANNOTATION = 'hsd.paia.tech/session';
/** User name of whoever claimed the Pod. */
export const CLAIMED_BY_ANNOTATION = 'hsd.paia.tech/claimed-by';
/** When it was claimed (RFC 3339), by the API server's clock. */
export const CLAIMED_AT_ANNOTATION = 'hsd.paia.tech/claimed-at';
/** When the session is over unless it is renewed (RFC 3339, the same clock). Absent: it has no end of its own. */
export const EXPIRES_AT_ANNOTATION = 'hsd.paia.tech/expires-at';
/** The keys of a claim's record: they come in one write and go in one write. */
export const RECORD_ANNOTATIONS: readonly string[] = [
  SESSION_ANNOTATION,
  CLAIMED_BY_ANNOTATION,
  CLAIMED_AT_ANNOTATION,
  EXPIRES_AT_ANNOTATION,
];

/** ReplicaSet controllers end Pods with a lower cost first (KEP-2255). */
export const DELETION_COST_ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost';
/** "false" keeps cluster-autoscaler from evicting the Pod. */
export const SAFE_TO_EVICT_ANNOTATION = 'cluster-autoscaler.kubernetes.io/safe-to-evict';
/** "true" keeps Karpenter from disrupting the Pod's node. */
export const DO_NOT_DISRUPT_ANNOTATION = 'karpenter.sh/do-not-disrupt';

/** On the child Deployment: fingerprint of `deploymentMetadata`. */
export const METADATA_HASH_ANNOTATION = 'hsd.paia.tech/metadata-hash';
/** On the child Deployment while its template becomes ours (`taking`) and after it has (`taken`). */
export const OWNERSHIP_ANNOTATION = 'hsd.paia.tech/template-ownership';
/** On everything an hsd with `sessions.onDelete: Drain` still needs: the garbage collector has to wait. */
export const DRAIN_ANNOTATION = 'hsd.paia.tech/drain-on-delete';
/**
 * On a ServiceAccount, "true": its Pods mark themselves busy, and an admission policy lets each of them change nothing but
 * the busy annotation of its own Pod.
 */
export const ANNOTATOR_LABEL = 'hsd.paia.tech/annotator';

/** Finalizer of an hsd with `sessions.onDelete: Drain`. */
export const DRAIN_FINALIZER = 'hsd.paia.tech/drain';

/** Finalizer of a ReplicaSet of an earlier revision: it goes when none of its Pods belongs to it any more. */
export const RETIRE_FINALIZER = 'hsd.paia.tech/retire';

/** Finalizer the original (kopf) operator left behind; nobody else removes it any more. */
export const KOPF_FINALIZER = 'kopf.zalando.org/KopfFinalizerMarker';

/** Longest HotStandbyDeployment name: it becomes a label value (RFC 1123, 63 characters). */
export const MAX_NAME_LENGTH = 63;

const CHILD_SUFFIX = '-workload';
const BUDGET_SUFFIX = '-busy';

/** Name of the child Deployment of the HotStandbyDeployment called `name`. */
export function childName(name: string): string {
  return `${name}${CHILD_SUFFIX}`;
}

/** Name of the PodDisruptionBudget over the busy Pods of the HotStandbyDeployment called `name`. */
export function budgetName(name: string): string {
  return `${name}${BUDGET_SUFFIX}`;
}
