import type { Api, RequestOptions } from '../../../../operator/kube/api';
import { systemClock } from '../../../../operator/kube/clock';
import { ApiError, NetworkError } from '../../../../operator/kube/errors';
import { paths } from '../../../../operator/kube/paths';
import { ServerClock } from '../../../../operator/kube/server-clock';
import type { KubeObject } from '../../../../operator/kube/types';
import type { HsdObject, PodObject } from '../../../../operator/observe/project';
import { World } from '../../../../operator/observe/world';
import { ClaimsService } from '../../../../operator/serve/claims/service';
import { BUSY_KEY_ANNOTATION, DEFAULT_BUSY_ANNOTATION, NAME_LABEL, STATE_LABEL } from '../../../../src/api/names';
import type { HotStandbySpec } from '../../../../src/api/types';
import { aSpec } from '../../decide/builders';
import { recordingLogger } from '../../support/logger';

type Verdict = 'allow' | 'conflict' | 'refuse' | 'lose' | 'cut' | 'end';

/**
 * Pods of one namespace as the API server keeps them (uid and resourceVersion are honoured), a watch that is as late as a
 * test wants, and a claims service over it, with callers that are who their token says.
 */
export class FakeCluster {
  readonly pods = new Map<string, PodObject>();
  /** Pod patches that were carried out. */
  writes = 0;
  /** What becomes of the next Pod patches. `lose`: done, and the answer lost. `cut`: nothing reaches it. `end`: the Pod is being ended. */
  readonly verdicts: Verdict[] = [];
  /** Users (tokens) without any permission. */
  readonly strangers = new Set<string>();
  /** Users that may not read claims of others. */
  readonly createOnly = new Set<string>();
  /** Runs before each Pod patch is looked at. */
  beforePatch: () => Promise<void> = async () => {};
  /** How many waited each time the demand changed. */
  readonly demand: number[] = [];
  readonly log = recordingLogger();
  isLeading = true;
  readonly world: World;
  readonly service: ClaimsService;
  private version = 100;
  private address = '';

  constructor(limits: Partial<Record<'waiters' | 'waitersPerUser' | 'requestsPerUser', number>> = {}) {
    const clock = systemClock;
    const common = { clock, logger: this.log };
    this.world = new World({
      ...common,
      client: this.api,
      random: Math.random,
      watchNodes: false,
      onChange: (key) => this.service.changed(key),
      onPod: (change) => this.service.podChanged(change),
    });
    this.service = new ClaimsService({
      ...common,
      client: this.api,
      world: this.world,
      serverClock: new ServerClock(clock),
      isLeading: () => this.isLeading,
      answerOf: () => undefined,
      recall: () => ({ seenReady: new Map(), seenKeys: new Set() }),
      onDemand: (key) => this.demand.push(this.service.view(key).waiting),
      settings: {
        address: { host: '127.0.0.1', port: 0 },
        limits: { waiters: 1_000, waitersPerUser: 500, requestsPerUser: 256, ...limits },
      },
    });
  }

  async start(): Promise<void> {
    const { host, port } = await this.service.start();
    this.address = `${host}:${port}`;
  }

  get at(): string {
    return this.address;
  }

  setHsd(spec: Partial<HotStandbySpec> = {}, deletionTimestamp?: string): void {
    const metadata = { ...this.identity('rooms', 'hsd-1'), generation: 1, deletionTimestamp };
    this.world.hsds.observe('default', { metadata, spec: aSpec(spec) } as HsdObject);
  }

  /** Ready idle Pods, seen by the watch. */
  addPods(count: number, change: (pod: PodObject) => void = () => {}): string[] {
    return Array.from({ length: count }, () => {
      const name = `pod-${this.pods.size + 1}`;
      const now = new Date().toISOString();
      const pod: PodObject = {
        metadata: {
          ...this.identity(name, `uid-${name}`),
          creationTimestamp: now,
          labels: { app: 'rooms', [NAME_LABEL]: 'rooms', [STATE_LABEL]: 'idle' },
          annotations: { [BUSY_KEY_ANNOTATION]: DEFAULT_BUSY_ANNOTATION },
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs-1', controller: true }],
        },
        spec: { nodeName: 'node-1', containers: [{ ports: [{ name: 'game', containerPort: 7777, protocol: 'UDP' }] }] },
        status: {
          phase: 'Running',
          podIP: '10.0.0.1',
          conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now }],
          containerStatuses: [{ state: { running: {} } }],
        },
      };
      change(pod);
      this.put(pod);
      return name;
    });
  }

  /** Somebody else (a kubelet) writes the Pod, and no watch has said so yet. */
  touch(name: string): void {
    this.put(this.pod(name), false);
  }

  /** The Pod is gone. */
  remove(name: string): void {
    const pod = this.pod(name);
    this.pods.delete(name);
    const metadata = { ...pod.metadata, ...this.tick(), deletionTimestamp: new Date().toISOString() };
    this.world.pods.observe('default', { ...pod, metadata, status: { ...pod.status, phase: 'Failed' } } as KubeObject);
  }

  pod(name: string): PodObject {
    const pod = this.pods.get(name);
    if (pod === undefined) throw new Error(`no Pod ${name}`);
    return pod;
  }

  /** Session ids on Pods, as the API server has them. */
  get sessions(): string[] {
    return [...this.pods.values()]
      .flatMap(({ metadata }) => metadata.annotations?.['hsd.paia.tech/session'] ?? [])
      .sort();
  }

  private readonly api: Api = {
    get: async <T>(path: string): Promise<T> => {
      const pod = this.pods.get(path.split('/').at(-1) ?? '');
      if (pod === undefined) throw new ApiError(404, { reason: 'NotFound' });
      return structuredClone(pod) as T;
    },
    list: () => Promise.reject(new Error('not used')),
    create: async <T>(path: string, body: unknown): Promise<T> => this.review(path, body as never) as T,
    mergePatch: async <T>(path: string, body: unknown, _options?: RequestOptions): Promise<T> =>
      (await this.patch(path, body as Pick<KubeObject, 'metadata'>)) as T,
    update: () => Promise.reject(new Error('not used')),
    apply: () => Promise.reject(new Error('not used')),
    jsonPatch: () => Promise.reject(new Error('not used')),
    delete: () => Promise.reject(new Error('not used')),
    // biome-ignore lint/correctness/useYield: nothing is ever watched.
    watch: async function* () {
      throw new Error('not used');
    },
  };

  private async patch(path: string, { metadata }: Pick<KubeObject, 'metadata'>): Promise<KubeObject> {
    await this.beforePatch();
    const pod = this.pods.get(path.split('/').at(-1) ?? '');
    const verdict = this.verdicts.shift() ?? 'allow';
    if (verdict === 'cut') throw new NetworkError('Reset', 'cut');
    if (verdict === 'refuse') throw new ApiError(403, { reason: 'Forbidden', message: 'a policy refuses' });
    if (pod === undefined) throw new ApiError(404, { reason: 'NotFound' });
    const isNewest = pod.metadata.uid === metadata.uid && pod.metadata.resourceVersion === metadata.resourceVersion;
    if (!isNewest || verdict === 'conflict') throw new ApiError(409, { reason: 'Conflict' });
    const next = structuredClone(pod);
    next.metadata.labels = merged(next.metadata.labels, metadata.labels);
    next.metadata.annotations = merged(next.metadata.annotations, metadata.annotations);
    if (verdict === 'end') next.metadata.deletionTimestamp = new Date().toISOString();
    this.writes += 1;
    this.put(next, false);
    if (verdict === 'lose') throw new NetworkError('Reset', 'the answer is lost');
    return structuredClone(this.pod(next.metadata.name));
  }

  private review(
    path: string,
    { spec }: { spec: { token?: string; audiences?: string[]; user?: string; resourceAttributes?: { verb: string } } },
  ): object {
    if (path === paths.tokenReviews) {
      const isKnown = spec.token !== 'unknown' && spec.audiences === undefined;
      return { status: { authenticated: isKnown, user: { username: spec.token } } };
    }
    const isStranger = this.strangers.has(spec.user ?? '');
    const isLimited = this.createOnly.has(spec.user ?? '') && spec.resourceAttributes?.verb !== 'create';
    return { status: { allowed: !isStranger && !isLimited } };
  }

  private put(pod: PodObject, isSeen = true): void {
    const stored = { ...pod, metadata: { ...pod.metadata, ...this.tick() } };
    this.pods.set(stored.metadata.name, stored);
    if (isSeen) this.world.pods.observe('default', structuredClone(stored));
  }

  private identity(
    name: string,
    uid: string,
  ): { name: string; namespace: string; uid: string; resourceVersion: string } {
    return { name, namespace: 'default', uid, ...this.tick() };
  }

  private tick(): { resourceVersion: string } {
    this.version += 1;
    return { resourceVersion: String(this.version) };
  }
}

function merged(
  before: Record<string, string> = {},
  change: Record<string, string | null> = {},
): Record<string, string> {
  const all: Record<string, string | null> = { ...before, ...change };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null));
}
