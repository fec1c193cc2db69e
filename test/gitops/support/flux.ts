/**
 * Flux's kustomize-controller as a plain process. The source-controller's part is played here: a commit is published as
 * an ExternalArtifact, which the kustomize-controller takes like a GitRepository.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../../../operator/kube/types';
import { eventually } from '../../../tools/base/eventually';
import { freePorts } from '../../../tools/cluster/ports';
import { adminClient } from '../../e2e/support/scene';
import { build } from './build';
import { type Ground, given, listens, note } from './ground';

const NAMESPACE = 'flux-system';
const SOURCES = `/apis/source.toolkit.fluxcd.io/v1/namespaces/${NAMESPACE}/externalartifacts`;
const KUSTOMIZATIONS = `/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/${NAMESPACE}/kustomizations`;

interface KustomizationCondition {
  type: string;
  status: string;
  reason: string;
  message: string;
  lastTransitionTime: string;
}

export interface Kustomization extends KubeObject {
  spec: Record<string, unknown>;
  status?: {
    lastAppliedRevision?: string;
    lastAttemptedRevision?: string;
    lastHandledReconcileAt?: string;
    conditions?: KustomizationCondition[];
  };
}

export class Flux {
  readonly api = adminClient();
  private constructor(private readonly ground: Ground) {}

  /** Starts the controller on the ground's cluster, which gets the definitions of all of Flux that synth/ speaks of. */
  static async start(ground: Ground): Promise<Flux> {
    const { bin, crds } = await build('flux', note);
    await ground.define(crds);
    const flux = new Flux(ground);
    const metadata = { name: NAMESPACE };
    await flux.api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
    const ports = await freePorts(['metrics', 'health']);
    const tmp = join(ground.dir, 'flux');
    mkdirSync(tmp);
    await ground.run({
      name: 'kustomize-controller',
      file: join(bin, 'kustomize-controller'),
      args: [
        ...['--metrics-addr', `127.0.0.1:${ports.metrics}`, '--health-addr', `127.0.0.1:${ports.health}`],
        ...['--feature-gates=ExternalArtifact=true', '--log-encoding', 'console'],
        // Its 30 s would be most of the time between a push and the Pods, where one Kustomization depends on the other.
        '--requeue-dependency=2s',
      ],
      env: { KUBECONFIG: ground.cluster.kubeconfig, RUNTIME_NAMESPACE: NAMESPACE, TMPDIR: tmp },
      ready: () => listens(ports.health),
    });
    return flux;
  }

  close(): Promise<void> {
    return this.api.close();
  }

  /** Publishes the last commit under a name, as the source-controller does when it has fetched it. Returns its revision. */
  async publish(name: string): Promise<string> {
    const { revision, ...artifact } = await this.ground.git.archive();
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    await this.api.apply(`${SOURCES}/${name}`, {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'ExternalArtifact',
      metadata: { name },
      spec: {},
    });
    const ready = { type: 'Ready', status: 'True', reason: 'Succeeded', message: 'stored', lastTransitionTime: now };
    await this.api.mergePatch(`${SOURCES}/${name}/status`, {
      status: { artifact: { ...artifact, revision, lastUpdateTime: now }, conditions: [ready] },
    });
    return revision;
  }

  /** Creates a Kustomization that takes `publish`'s artifact in place of its GitRepository. */
  async create(manifest: { spec?: object }): Promise<void> {
    const { sourceRef, ...spec } = manifest.spec as { sourceRef: { name: string } };
    const external = { kind: 'ExternalArtifact', name: sourceRef.name };
    await this.api.create(KUSTOMIZATIONS, { ...manifest, spec: { ...spec, sourceRef: external } });
  }

  get(name: string): Promise<Kustomization> {
    return this.api.get<Kustomization>(`${KUSTOMIZATIONS}/${name}`);
  }

  async delete(name: string): Promise<void> {
    await this.api.delete(`${KUSTOMIZATIONS}/${name}`);
  }

  /** Makes it reconcile now, as `flux reconcile` does, and waits until it has. */
  async reconcile(name: string): Promise<Kustomization> {
    const requested = new Date().toISOString();
    const annotations = { 'reconcile.fluxcd.io/requestedAt': requested };
    await this.api.mergePatch(`${KUSTOMIZATIONS}/${name}`, { metadata: { annotations } });
    return eventually(async () => {
      const kustomization = await this.get(name);
      expect(kustomization.status?.lastHandledReconcileAt).toBe(requested);
      return kustomization;
    });
  }

  /** Waits until its condition Ready says so, of a revision if one is given. */
  ready(name: string, wanted: { status: string; revision?: string; reason?: string }): Promise<Kustomization> {
    return eventually(async () => {
      const kustomization = await this.get(name);
      const revision = kustomization.status?.lastAttemptedRevision;
      expect({ revision, ...readyOf(kustomization) }).toMatchObject(given(wanted));
      return kustomization;
    });
  }
}

/** The condition Ready. */
export function readyOf({ status }: Kustomization): KustomizationCondition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Ready');
}
