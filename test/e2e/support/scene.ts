import { randomBytes } from 'node:crypto';
import { ApiClient } from '../../../operator/kube/client';
import { isNotFound } from '../../../operator/kube/errors';
import { paths } from '../../../operator/kube/paths';
import type { KubeObject } from '../../../operator/kube/types';
import type { DeploymentObject, HsdObject, PodObject, ReplicaSetObject } from '../../../operator/observe/project';
import { API_VERSION, childName, DEFAULT_BUSY_ANNOTATION, KIND } from '../../../src/api/names';
import type { HotStandbySpec } from '../../../src/api/types';
import { eventually } from '../../../tools/base/eventually';
import type { Connection } from '../../../tools/cluster';
import { runInfo } from './run-info';

export type Pod = PodObject & { spec?: { containers?: { image?: string }[] } };

/** A test that gives up on a write cannot tell what became of it; the machine may be slow. */
const PATIENCE_MS = 60_000;

/** An administrator's client, by default of the run's cluster. */
export function adminClient(connection: Connection = runInfo().connection): ApiClient {
  return new ApiClient(connection, {
    userAgent: 'hotstandby-e2e',
    timeoutMs: PATIENCE_MS,
    writeTimeoutMs: PATIENCE_MS,
  });
}

/** A spec of the smallest hsd, with `overrides` on top. */
export function aSpec(overrides: Partial<HotStandbySpec> = {}): HotStandbySpec {
  const podTemplate = { spec: { containers: [{ name: 'app', image: 'example.com/app:1' }] } };
  return { idleTarget: 3, selector: { matchLabels: { app: 'rooms' } }, podTemplate, ...overrides };
}

/** One test's namespace and what happens in it. */
export class Scene {
  private constructor(
    readonly api: ApiClient,
    readonly namespace: string,
  ) {}

  /**
   * @param labels of the namespace
   * @param connection the administrator's, to another cluster than the run's
   */
  static async open(name: string, labels: Record<string, string> = {}, connection?: Connection): Promise<Scene> {
    const namespace = `${name}-${randomBytes(3).toString('hex')}`;
    const api = adminClient(connection);
    const metadata = { name: namespace, labels };
    await api.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
    return new Scene(api, namespace);
  }

  /** Removes the namespace (in the background: finalizers of others take their time). */
  async close(): Promise<void> {
    await this.api.delete(`/api/v1/namespaces/${this.namespace}`);
    await this.api.close();
  }

  async createHsd(
    name: string,
    overrides: Partial<HotStandbySpec> = {},
    metadata: Record<string, unknown> = {},
  ): Promise<HsdObject> {
    const body = {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: { name, namespace: this.namespace, ...metadata },
      spec: aSpec(overrides),
    };
    return this.api.create<HsdObject>(paths.hsds.list(this.namespace), body);
  }

  async patchHsd(name: string, spec: Record<string, unknown>): Promise<HsdObject> {
    return this.api.mergePatch<HsdObject>(paths.hsds.one(this.namespace, name), { spec });
  }

  hsd(name: string): Promise<HsdObject> {
    return this.api.get<HsdObject>(paths.hsds.one(this.namespace, name));
  }

  child(name: string): Promise<DeploymentObject> {
    return this.api.get<DeploymentObject>(paths.deployments.one(this.namespace, childName(name)));
  }

  async replicaSets(): Promise<ReplicaSetObject[]> {
    return (await this.api.list<ReplicaSetObject>(paths.replicaSets.list(this.namespace))).items ?? [];
  }

  async allPods(labelSelector?: string): Promise<Pod[]> {
    return (await this.api.list<Pod>(paths.pods.list(this.namespace), { labelSelector })).items ?? [];
  }

  /** Pods that are not on their way out. */
  async pods(labelSelector?: string): Promise<Pod[]> {
    return (await this.allPods(labelSelector)).filter((pod) => pod.metadata.deletionTimestamp === undefined);
  }

  async readyPods(labelSelector?: string): Promise<Pod[]> {
    return (await this.pods(labelSelector)).filter(isReady);
  }

  pod(name: string): Promise<Pod> {
    return this.api.get<Pod>(paths.pods.one(this.namespace, name));
  }

  /** The busy write of the client protocol: the session may start only when the reply carries no deletionTimestamp. */
  async setBusy(pod: KubeObject, value: string | null = 'true', key = DEFAULT_BUSY_ANNOTATION): Promise<Pod> {
    const body = { metadata: { uid: pod.metadata.uid, annotations: { [key]: value } } };
    return this.api.mergePatch<Pod>(paths.pods.one(this.namespace, pod.metadata.name), body);
  }

  async events(hsd: string): Promise<{ type: string; reason: string; note: string }[]> {
    const all = await this.api.list<
      KubeObject & { type: string; reason: string; note: string; regarding: { name: string; kind: string } }
    >(paths.events.list(this.namespace));
    return (all.items ?? []).filter((event) => event.regarding.kind === KIND && event.regarding.name === hsd);
  }

  /** Waits for the child's replicas. */
  async childAt(name: string, replicas: number): Promise<DeploymentObject> {
    return eventually(async () => {
      const child = await this.child(name);
      expect(child.spec?.replicas).toBe(replicas);
      return child;
    });
  }

  /** Waits for so many Ready Pods, all with a final state label, and returns them. */
  async settledAt(count: number, labelSelector?: string): Promise<Pod[]> {
    return eventually(async () => {
      const pods = await this.pods(labelSelector);
      expect(pods.filter(isReady)).toHaveLength(count);
      expect(pods).toHaveLength(count);
      return pods;
    });
  }

  /** Waits for fields of the hsd's status. */
  async status(name: string, expected: Record<string, unknown>): Promise<HsdObject> {
    return eventually(async () => {
      const hsd = await this.hsd(name);
      expect(hsd.status).toMatchObject(expected);
      return hsd;
    });
  }

  /** Waits for a condition and returns it. */
  async condition(name: string, type: string, status: string): Promise<{ reason: string; message: string }> {
    return eventually(async () => {
      const condition = (await this.hsd(name)).status?.conditions?.find((c) => c.type === type);
      expect(condition).toMatchObject({ type, status });
      return condition as { reason: string; message: string };
    });
  }

  async exists(path: string): Promise<boolean> {
    try {
      await this.api.get(path);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
}

/** Remembers busy Pods and tells which of them were ended. */
export class BusyWatch {
  private readonly held = new Map<string, string>();

  constructor(private readonly scene: Scene) {}

  async start(pod: KubeObject, key?: string): Promise<Pod> {
    const reply = await this.scene.setBusy(pod, 'true', key);
    if (reply.metadata.deletionTimestamp === undefined) this.held.set(pod.metadata.uid, pod.metadata.name);
    return reply;
  }

  async end(pod: KubeObject, key?: string): Promise<void> {
    this.held.delete(pod.metadata.uid);
    await this.scene.setBusy(pod, null, key);
  }

  /** Whether a session runs in the Pod with this uid, as far as is known here. */
  holds(uid: string): boolean {
    return this.held.has(uid);
  }

  /** Names of busy Pods that are gone or going. */
  async lost(): Promise<string[]> {
    const alive = new Set((await this.scene.pods()).map((pod) => pod.metadata.uid));
    return [...this.held].filter(([uid]) => !alive.has(uid)).map(([, name]) => name);
  }
}
