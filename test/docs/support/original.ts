import { stringify } from 'yaml';
import { crdManifest } from '../../../src/api/crd';
import { API_VERSION, CRD_NAME, KIND, KOPF_FINALIZER } from '../../../src/api/names';
import type { Shell } from './shell';

/** A CRD as the original operator had it: the same names, hardly any validation. */
function originalCrd(): unknown {
  const { metadata, spec, ...kind } = crdManifest();
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
  };
  const version = { name: 'v1alpha1', served: true, storage: true, subresources: { status: {} }, schema };
  return { ...kind, metadata, spec: { ...spec, versions: [version] } };
}

const template = {
  metadata: { labels: { app: 'lobby' } },
  spec: { containers: [{ name: 'app', image: 'registry.example.com/lobby:1' }] },
};
const selector = { matchLabels: { app: 'lobby' } };

/**
 * What the original operator leaves on a cluster: its CRD, its own Deployment, an hsd that breaks a rule of the new CRD, and
 * the hsd `lobby` with a child of three Pods, of which one is busy. Resolves with the name of that Pod.
 */
export async function originalInstallation(shell: Shell): Promise<string> {
  await apply(shell, originalCrd());
  await shell.run(`kubectl wait crd/${CRD_NAME} --for=condition=Established --timeout=60s`);
  const operator = { app: 'original-operator' };
  await apply(shell, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'hotstandby' } });
  await apply(shell, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'hotstandby-operator', namespace: 'hotstandby' },
    spec: {
      selector: { matchLabels: operator },
      template: { metadata: { labels: operator }, spec: template.spec },
    },
  });
  await apply(shell, originalHsd('lobby', { idleTarget: 2, selector, podTemplate: template }));
  // What only the new CRD refuses.
  const limits = { idleTarget: 1, minReplicas: 3, maxReplicas: 2 };
  const broken = { matchLabels: { app: 'broken' } };
  await apply(shell, originalHsd('broken', { ...limits, selector: broken, podTemplate: { spec: template.spec } }));
  const metadata = { name: 'lobby-workload', labels: { 'hsd.paia.tech/name': 'lobby' } };
  await apply(shell, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: { replicas: 3, selector, template },
  });
  await shell.run('kubectl rollout status deployment/lobby-workload --timeout=60s');
  const busy = (await shell.run('kubectl get pods -l app=lobby -o name | head -n 1')).trim();
  await shell.run(`kubectl annotate ${busy} paia.tech/busy=true`);
  return busy;
}

function originalHsd(name: string, spec: Record<string, unknown>): unknown {
  const annotations = { 'kopf.zalando.org/last-handled-configuration': '{}' };
  const metadata = { name, finalizers: [KOPF_FINALIZER], annotations };
  return { apiVersion: API_VERSION, kind: KIND, metadata, spec };
}

async function apply(shell: Shell, object: unknown): Promise<void> {
  shell.save('original.yaml', stringify(object));
  await shell.run('kubectl apply -f original.yaml');
}
