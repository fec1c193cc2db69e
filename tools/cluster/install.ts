/** Puts the manifests of synth/ on a cluster, for an operator that runs as a local process. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { ROOT } from '../../root';
import { PACKAGE_VERSION } from '../../src/version';
import { until } from '../base/eventually';
import type { Cluster } from './index';

const NAMESPACE = 'hotstandby-system';
const SERVICE_ACCOUNT = 'hotstandby-operator';
/** It takes a fraction of a second; a loaded machine has needed ten. */
const ESTABLISHED_MS = 60_000;

/** What installing needs of a cluster. */
export type Kubectl = Pick<Cluster, 'kubectl'>;

/** The installable files of a version's folder. */
export type ManifestFile = 'crds' | 'install' | 'namespaced-install' | 'namespace-admins' | 'admission-marks';

/** One object of a manifest. */
export interface ManifestObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
}

/** The manifests of this version, or of an earlier one, as they lie in synth/. */
export function releasedManifest(file: ManifestFile, of = PACKAGE_VERSION): string {
  return join(ROOT, 'synth', `v${of}`, `${file}.yaml`);
}

/** The objects of a manifest of this version (or of an earlier one), without the operator's own Deployment and CRDs installed before. */
export function withoutOperator(file: 'install' | 'namespaced-install', of?: string): ManifestObject[] {
  return manifestObjects(file, of).filter(({ kind }) => kind !== 'Deployment' && kind !== 'CustomResourceDefinition');
}

/** Every object of a manifest of this version, or of an earlier one. */
export function manifestObjects(file: ManifestFile, of?: string): ManifestObject[] {
  const documents = parseAllDocuments(readFileSync(releasedManifest(file, of), 'utf8'));
  return documents.map((document) => document.toJS() as ManifestObject);
}

/** Objects as the standard input of `kubectl apply -f -`. */
export function toManifest(objects: readonly object[]): string {
  return objects.map((object) => stringify(object)).join('---\n');
}

/**
 * Installs synth/ as a user would, but without the operator's own Deployment: here the operator is a local process that
 * runs under the installed ServiceAccount's token, so that its RBAC is what is tested.
 *
 * @returns the path of that ServiceAccount's kubeconfig
 */
export async function install(cluster: Kubectl, dir: string): Promise<string> {
  await installObjects(cluster, [...manifestObjects('crds'), ...withoutOperator('install')]);
  return writeOperatorKubeconfig(cluster, dir);
}

/** Applies objects; resolves when the API server serves what the CRDs among them define. */
export async function installObjects(cluster: Kubectl, objects: readonly ManifestObject[]): Promise<void> {
  const isCrd = ({ kind }: ManifestObject): boolean => kind === 'CustomResourceDefinition';
  // At the same time, half a second of kubectl each: nothing among the others is of a kind the CRDs define.
  await Promise.all([
    applyCrds(cluster, objects.filter(isCrd)),
    applyObjects(
      cluster,
      objects.filter((object) => !isCrd(object)),
    ),
  ]);
}

async function applyCrds(cluster: Kubectl, crds: readonly ManifestObject[]): Promise<void> {
  await applyObjects(cluster, crds);
  await Promise.all(crds.map(({ metadata: { name } }) => established(cluster, name)));
}

interface CrdObject {
  status?: { conditions?: { type: string; status: string }[] };
}

/** Not `kubectl wait`: that one gives up at once on a CRD so new that its status is empty. */
function established(cluster: Kubectl, name: string): Promise<true> {
  const ask = async (): Promise<true | undefined> => {
    const { status } = JSON.parse(await cluster.kubectl(['get', 'crd', name, '-o', 'json'])) as CrdObject;
    return status?.conditions?.some((it) => it.type === 'Established' && it.status === 'True') || undefined;
  };
  return until(`CRD ${name} served (see kubectl describe crd ${name})`, ask, ESTABLISHED_MS);
}

async function applyObjects(cluster: Kubectl, objects: readonly ManifestObject[]): Promise<void> {
  if (objects.length === 0) return;
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { input: toManifest(objects) });
}

interface Kubeconfig {
  clusters: { name: string }[];
}

/**
 * Writes `<dir>/operator.kubeconfig` for the installed ServiceAccount: the cluster as the administrator's kubeconfig
 * reaches it (proxy, CA and all), with a token good for 24 hours.
 */
export async function writeOperatorKubeconfig(cluster: Kubectl, dir: string): Promise<string> {
  const [token, view] = await Promise.all([
    cluster.kubectl(['create', 'token', SERVICE_ACCOUNT, '-n', NAMESPACE, '--duration=24h']),
    cluster.kubectl(['config', 'view', '--minify', '--flatten', '--raw', '-o', 'json']),
  ]);
  const { clusters } = JSON.parse(view) as Kubeconfig;
  const context = { cluster: clusters[0]?.name, user: 'operator', namespace: NAMESPACE };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters,
    users: [{ name: 'operator', user: { token: token.trim() } }],
    contexts: [{ name: 'operator', context }],
    'current-context': 'operator',
  };
  const path = join(dir, 'operator.kubeconfig');
  writeFileSync(path, stringify(config), { mode: 0o600 });
  return path;
}
