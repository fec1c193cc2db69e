import { childName, DRAIN_ANNOTATION, OWNERSHIP_ANNOTATION } from '../../src/api/names';
import type { ChildManifest, HsdView } from '../decide/model';
import { REFUSAL_REASONS, type RefusalReason } from '../decide/reasons';
import { ownerReference } from '../decide/template';
import { ApiError, isForbidden, isInvalid, isOutdated } from '../kube/errors';
import { takeSpec } from '../kube/managed-fields';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import type { Applier, Of } from './applier';
import { applyTemplate } from './whole-template';

/** The API server refused the child Deployment for what Git says, in its own words. */
export class ChildRefused extends Error {
  constructor(
    readonly reason: RefusalReason,
    message: string,
  ) {
    super(message);
    this.name = 'ChildRefused';
  }
}

/** A merge patch, not an apply: while a newer template is refused the last good one must still be able to go on. */
export async function resumeChild({ client, world }: Applier, { child, replicas }: Of<'resumeChild'>): Promise<void> {
  const path = paths.deployments.one(child.namespace, child.name);
  const { uid, resourceVersion } = child;
  const body = { metadata: { uid, resourceVersion }, spec: { paused: null, replicas } };
  world.deployments.observe(child.namespace, await client.mergePatch<KubeObject>(path, body));
}

/**
 * The hsd has drained: the garbage collector may have its child. One that was refused it in a foreground deletion asks
 * again after a long backoff only (83 s after a drain of 40 s); a child that blocks nothing lets the hsd go at once.
 */
export async function releaseChild(
  { client, world }: Applier,
  hsd: HsdView,
  { child }: Of<'releaseChild'>,
): Promise<void> {
  const path = paths.deployments.one(child.namespace, child.name);
  const ownerReferences = [{ ...ownerReference(hsd), blockOwnerDeletion: false }];
  const body = { metadata: { uid: child.uid, annotations: { [DRAIN_ANNOTATION]: null }, ownerReferences } };
  world.deployments.observe(child.namespace, await client.mergePatch<KubeObject>(path, body));
}

/** Its replicas go by what was seen: to another version of the child they may be fewer. */
export async function applyChild(applier: Applier, hsd: HsdView, write: Of<'applyChild'>): Promise<void> {
  const { world } = applier;
  const { child, manifest, takeOwnership: isTaken } = write;
  const path = paths.deployments.one(hsd.namespace, childName(hsd.name));
  const version = isTaken ? await takeOwnership(applier, path, manifest) : child?.resourceVersion;
  const seen = child && { uid: child.uid, resourceVersion: version };
  const { metadata } = manifest;
  const taken = isTaken && { annotations: { ...metadata.annotations, [OWNERSHIP_ANNOTATION]: 'taken' } };
  const body = { ...manifest, metadata: { ...metadata, ...taken, ...seen } };
  try {
    world.deployments.observe(hsd.namespace, await applyTemplate(applier, path, body));
  } catch (error) {
    throw isRefusal(error) ? new ChildRefused(reasonOf(error), error.message) : error;
  }
}

/**
 * Server-side apply alone would leave behind every field only somebody else owns. From here on the edit no longer shows
 * in managedFields, so the annotation says that it is still there until the apply that undoes it says otherwise.
 *
 * @returns the version it has made, for the apply that follows
 */
async function takeOwnership({ client, world }: Applier, path: string, manifest: ChildManifest): Promise<string> {
  const live = await client.get<KubeObject & { spec?: { replicas?: number } }>(path);
  if ((live.spec?.replicas ?? 1) > manifest.spec.replicas) {
    world.deployments.observe(manifest.metadata.namespace, live);
    throw new ApiError(409, { reason: 'Conflict', message: 'the child Deployment was raised meanwhile' });
  }
  const { resourceVersion, managedFields = [] } = live.metadata;
  const annotations = { [OWNERSHIP_ANNOTATION]: 'taking' };
  const body = { metadata: { resourceVersion, annotations, managedFields: takeSpec(managedFields, 'apps/v1') } };
  const reply = await client.mergePatch<KubeObject>(path, body);
  return reply.metadata.resourceVersion;
}

function isRefusal(error: unknown): error is ApiError {
  if (!(error instanceof ApiError) || isOutdated(error)) return false;
  const isTerminating = error.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating');
  return !isTerminating && (isInvalid(error) || isForbidden(error) || error.code === 400);
}

function reasonOf(error: ApiError): RefusalReason {
  return REFUSAL_REASONS.find((reason) => reason === error.reason) ?? 'Refused';
}
