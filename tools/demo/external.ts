/** What the demo puts on a cluster that is not its own: as little as possible, said before, and all of it removed. */
import { createInterface } from 'node:readline/promises';
import { type Kubectl, type ManifestObject, manifestObjects, toManifest, withoutOperator } from '../cluster/install';
import { DEMO_NAMESPACE, namespaceObject } from './manifests';
import type { DemoOptions } from './options';
import type { Target } from './target';

/** What a given cluster lacks, and who runs the operator on it. */
export interface Plan {
  /** Objects of synth/ to install and to remove again. */
  missing: ManifestObject[];
  /** HotStandby's own Deployment works there: the demo starts no operator beside it. */
  hasOperator: boolean;
}

/** Looks at the cluster; throws one line when the demo's namespace is in use. */
export async function planFor(target: Kubectl): Promise<Plan> {
  const [namespace] = await present(target, [namespaceObject]);
  if (namespace) {
    throw new Error(
      `namespace ${DEMO_NAMESPACE} exists already: another demo is running, or remove it with kubectl delete namespace ${DEMO_NAMESPACE}`,
    );
  }
  const wanted = [...manifestObjects('crds'), ...withoutOperator('install')];
  const deployment = manifestObjects('install').filter(({ kind }) => kind === 'Deployment');
  const [existing, operators] = await Promise.all([present(target, wanted), present(target, deployment)]);
  const known = new Set(existing.map(keyOf));
  return { missing: wanted.filter((object) => !known.has(keyOf(object))), hasOperator: operators.length > 0 };
}

/** The lines that say what will happen to the cluster. */
export function announce({ missing, hasOperator }: Plan, server: string, image: string): string[] {
  const counts = new Map<string, number>();
  for (const { kind } of missing) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const kinds = [...counts].map(([kind, count]) => (count > 1 ? `${count} ${kind}s` : kind)).join(', ');
  return [
    `The demo will use the cluster at ${server}:`,
    `  namespace ${DEMO_NAMESPACE} with the hsd "rooms": up to 20 Pods of ${image}`,
    missing.length > 0 ? `  from synth/, as it is not there: ${kinds}` : '  nothing of synth/: all of it is there',
    hasOperator
      ? '  the operator that is installed there'
      : '  the operator as a process of this machine, under the token of ServiceAccount hotstandby-operator',
    'All that it installs is removed at the end.',
  ];
}

/** Whether to go on. Asks only a person at a terminal who has not said so before. */
export async function confirm({ once, yes }: DemoOptions): Promise<boolean> {
  if (once || yes || !process.stdin.isTTY || !process.stdout.isTTY) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    // Ctrl-C and the end of the input reject, which is a no.
    return /^y(es)?$/i.test((await terminal.question('Go on? [y/N] ')).trim());
  } catch {
    return false;
  } finally {
    terminal.close();
  }
}

/** Removes the demo's namespace with everything in it; the operator must still run, for finalizers. */
export async function removeDemo(target: Target): Promise<void> {
  await target.kubectl(['delete', 'namespace', DEMO_NAMESPACE, '--ignore-not-found', '--timeout=120s']);
}

/** Removes what `planFor` found missing and the demo has installed. */
export async function removeInstalled(target: Target, { missing }: Plan): Promise<void> {
  if (missing.length === 0) return;
  await target.kubectl(['delete', '--ignore-not-found', '--timeout=60s', '-f', '-'], { input: toManifest(missing) });
}

async function present(target: Kubectl, objects: ManifestObject[]): Promise<ManifestObject[]> {
  const args = ['get', '--ignore-not-found', '-o', 'json', '-f', '-'];
  const text = await target.kubectl(args, { input: toManifest(objects) });
  if (text.trim() === '') return [];
  const found = JSON.parse(text) as ManifestObject & { items?: ManifestObject[] };
  return found.items ?? [found];
}

function keyOf({ kind, metadata }: ManifestObject): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
}
