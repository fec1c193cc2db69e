import { DRAIN_ANNOTATION } from '../../src/api/names';
import type { ChildManifest } from '../decide/model';
import { ApiError } from '../kube/errors';
import { takeSpec } from '../kube/managed-fields';
import { mergePatchBetween } from '../kube/merge-patch';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import type { Applier } from './applier';

interface LiveDeployment extends KubeObject {
  spec: Record<string, unknown>;
}

/**
 * What a Deployment that is created the plain way takes, as the original operator's was, and server-side apply does not:
 * fields this Kubernetes does not know, which are dropped, and lists with two items of one key (a variable or a port named
 * twice), which are kept as they are. So the API server is asked what it would keep; that is applied, or written whole.
 */
export async function applyTemplate(applier: Applier, path: string, body: ChildManifest): Promise<KubeObject> {
  const { client } = applier;
  try {
    return await client.apply<KubeObject>(path, body, { force: true });
  } catch (error) {
    if (!isUntyped(error)) throw error;
    const kept = await createdAs(applier, body);
    const known = { ...body, spec: { ...body.spec, template: kept.template } };
    const reply = await applyOrWrite(applier, path, known, kept);
    const note = `left out of the Pod template what this Kubernetes does not know: ${error.message}`;
    if (error.message.includes('not declared in schema')) applier.warn('UnknownFields', note);
    return reply;
  }
}

/** `spec` as a plain create would store it, defaults included; nothing is created. */
async function createdAs({ client }: Applier, body: ChildManifest): Promise<Record<string, unknown>> {
  const { namespace, name } = body.metadata;
  const trial = { ...body, metadata: { generateName: `${name}-`, namespace } };
  const query = { dryRun: 'All', fieldValidation: 'Ignore' };
  const { spec } = await client.create<LiveDeployment>(paths.deployments.list(namespace), trial, { query });
  return spec;
}

async function applyOrWrite(
  applier: Applier,
  path: string,
  known: ChildManifest,
  kept: Record<string, unknown>,
): Promise<KubeObject> {
  try {
    return await applier.client.apply<KubeObject>(path, known, { force: true });
  } catch (error) {
    if (!isUntyped(error)) throw error;
    return writeWhole(applier, path, known, kept);
  }
}

/** Then its fields are ours as after an apply: an edit by somebody else has to show, and nothing but an edit. */
async function writeWhole(
  { client }: Applier,
  path: string,
  known: ChildManifest,
  kept: Record<string, unknown>,
): Promise<KubeObject> {
  const written = await (known.metadata.uid === undefined
    ? client.create<KubeObject>(paths.deployments.list(known.metadata.namespace), known)
    : client.mergePatch<KubeObject>(path, await changesOf(client, path, known, kept)));
  const { resourceVersion, managedFields = [] } = written.metadata;
  const metadata = { resourceVersion, managedFields: takeSpec(managedFields, 'apps/v1') };
  return client.mergePatch<KubeObject>(path, { metadata });
}

/** Of the very version that was seen: `known` carries it. */
async function changesOf(
  client: Applier['client'],
  path: string,
  { metadata }: ChildManifest,
  kept: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const live = await client.get<LiveDeployment>(path);
  const annotations = { [DRAIN_ANNOTATION]: null, ...metadata.annotations };
  return { metadata: { ...metadata, annotations }, spec: mergePatchBetween(live.spec, kept) };
}

/** A field this Kubernetes does not know, one of another type, a key twice: server-side apply answers 500 to it, not 422. */
function isUntyped(error: unknown): error is ApiError {
  return (
    error instanceof ApiError && error.code === 500 && error.message.startsWith('failed to create typed patch object')
  );
}
