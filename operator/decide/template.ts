import { createHash } from 'node:crypto';
import { DEFAULTS } from '../../src/api/defaults';
import {
  API_VERSION,
  BUSY_KEY_ANNOTATION,
  childName,
  DRAIN_ANNOTATION,
  KIND,
  METADATA_HASH_ANNOTATION,
  NAME_LABEL,
  STATE_LABEL,
  TEMPLATE_HASH_ANNOTATION,
} from '../../src/api/names';
import { withoutKnownNulls } from '../../src/api/pod-template-schema';
import type { ChildManifest, ChildSettings, ChildStrategy, HsdView, TemplateKeys } from './model';
import { busyKeyOf } from './pods';
import { ownAnnotations, ownLabels } from './reserved';

interface Template {
  metadata: Record<string, unknown>;
  spec: unknown;
}

/** By spec object: a cached spec is replaced, never changed, and hashing a large template costs more than a decision. */
const hashes = new WeakMap<HsdView['spec'], string>();

/**
 * Fingerprint of what the user wrote about the Pods. What HotStandby itself adds is left out on purpose: a new version
 * of the operator must not restart anybody's Pods. So is a null that the API server dropped before the CRD allowed it.
 */
export function templateHash({ spec }: HsdView): string {
  const known = hashes.get(spec);
  if (known !== undefined) return known;
  const hash = fingerprint([withoutKnownNulls(spec.podTemplate), spec.selector.matchLabels, busyKeyOf(spec) ?? null]);
  hashes.set(spec, hash);
  return hash;
}

/** 16 hexadecimal digits. */
export function fingerprint(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16);
}

/** JSON with sorted keys: the API server does not promise an order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** A rollout somebody else starts on the child must not dip below the buffer before its old Pods are retired. */
const STRATEGY = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };

/** The whole child Deployment, as server-side apply wants it: every field HotStandby owns, each time. */
export function childManifest(hsd: HsdView, replicas: number, paused: boolean): ChildManifest {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: childName(hsd.name),
      namespace: hsd.namespace,
      labels: { ...hsd.spec.deploymentMetadata?.labels, [NAME_LABEL]: hsd.name },
      ...childAnnotations(hsd),
      ownerReferences: [ownerReference(hsd)],
    },
    spec: {
      replicas,
      ...(paused && { paused: true as const }),
      selector: { matchLabels: hsd.spec.selector.matchLabels },
      ...passedOn(hsd),
      strategy: STRATEGY,
      template: podTemplate(hsd),
    },
  };
}

/** None at all where there is nothing to say. */
function childAnnotations(hsd: HsdView): { annotations?: Record<string, string> } {
  const { drainOnDelete, metadataHash } = settingsOf(hsd);
  const annotations = {
    ...hsd.spec.deploymentMetadata?.annotations,
    ...(metadataHash !== '' && { [METADATA_HASH_ANNOTATION]: metadataHash }),
    ...(drainOnDelete && { [DRAIN_ANNOTATION]: 'true' }),
  };
  return Object.keys(annotations).length > 0 ? { annotations } : {};
}

/** What the child's settings should read, the API server's defaults for what Git leaves out. */
export function settingsOf({ spec }: HsdView): ChildSettings {
  return {
    minReadySeconds: spec.minReadySeconds ?? DEFAULTS.minReadySeconds,
    revisionHistoryLimit: spec.revisionHistoryLimit ?? DEFAULTS.revisionHistoryLimit,
    progressDeadlineSeconds: spec.progressDeadlineSeconds ?? DEFAULTS.progressDeadlineSeconds,
    strategy: strategyText(STRATEGY),
    drainOnDelete: drains({ spec }),
    metadataHash: spec.deploymentMetadata === undefined ? '' : fingerprint(spec.deploymentMetadata),
  };
}

/** A Deployment's strategy in one line, whoever wrote it. */
export function strategyText(strategy: ChildStrategy | undefined): string {
  const { maxSurge, maxUnavailable } = strategy?.rollingUpdate ?? {};
  return `${strategy?.type} ${maxSurge} ${maxUnavailable}`;
}

/** Whether the garbage collector must wait for its sessions: a foreground deletion takes dependents first. */
export function drains({ spec }: Pick<HsdView, 'spec'>): boolean {
  return spec.sessions?.onDelete === 'Drain';
}

/** Defaults are written out: a value somebody else gave a field that Git leaves out would stay for ever. */
function passedOn(hsd: HsdView): Record<string, number> {
  const { minReadySeconds, revisionHistoryLimit, progressDeadlineSeconds } = settingsOf(hsd);
  return { minReadySeconds, revisionHistoryLimit, progressDeadlineSeconds };
}

export function ownerReference(hsd: Pick<HsdView, 'name' | 'uid'>): Record<string, unknown> {
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    name: hsd.name,
    uid: hsd.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** What of our own the child's template has to hold. */
export function templateKeys(hsd: HsdView): TemplateKeys {
  const busyKey = busyKeyOf(hsd.spec);
  return { hsd: hsd.name, state: 'starting', ...(busyKey !== undefined && { busyKey }) };
}

function podTemplate(hsd: HsdView): Template {
  const { metadata, ...rest } = withoutNulls(hsd.spec.podTemplate);
  const key = busyKeyOf(hsd.spec);
  return {
    ...rest,
    metadata: {
      ...metadata,
      labels: {
        ...ownLabels(metadata),
        ...hsd.spec.selector.matchLabels,
        [NAME_LABEL]: hsd.name,
        [STATE_LABEL]: 'starting',
      },
      annotations: {
        ...ownAnnotations(hsd.spec),
        // Empty in http mode: that a Pod has no key is said, not left to be guessed when its annotations got lost.
        [BUSY_KEY_ANNOTATION]: key ?? '',
        [TEMPLATE_HASH_ANNOTATION]: templateHash(hsd),
      },
    },
  };
}

/** As the API server reads a Deployment: a field that is null is not there. Server-side apply would take it for a value. */
function withoutNulls<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutNulls) as T;
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(fields.map(([key, inner]) => [key, withoutNulls(inner)])) as T;
}
