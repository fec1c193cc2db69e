import { isConflict, isInvalid, isNotFound } from '../../../operator/kube/errors';
import { DEFAULT_BUSY_ANNOTATION, STATE_LABEL } from '../../../src/api/names';
import type { HotStandbySpec } from '../../../src/api/types';
import { says } from '../support/pod-servers';
import type { Pod, Scene } from '../support/scene';
import type { FedServers } from './servers';

export const MODES = ['annotation', 'custom key', 'http'] as const;
export type Mode = (typeof MODES)[number];

/** `refused`: the reply carried a deletionTimestamp. `gone`: no such Pod any more. No session starts in either. */
export type Begun = 'begun' | 'refused' | 'gone';

/** How a Pod says that it is busy. */
export interface Marker {
  /** `annotation`: whoever asks the API server knows at once. */
  readonly kind: 'annotation' | 'http';
  begin(pod: Pod): Promise<Begun>;
  /** Ends the session. False: the Pod was on its way out or gone before that, so the session was lost. */
  end(pod: Pod): Promise<boolean>;
  /** Whether sessions come to this Pod at all. */
  isCandidate(pod: Pod): boolean;
}

export const BUSY = says(200, 'busy');
export const IDLE = says(503, 'idle');

const CUSTOM_KEY = 'example.com/in-use';
/** The operator and the policies must read every letter case alike. */
const SPELLINGS = ['true', 'True', 'TRUE', 'tRuE'];

export function probeOf(mode: Mode, port: number): Pick<HotStandbySpec, 'busyProbe'> {
  if (mode === 'annotation') return {};
  if (mode === 'custom key') return { busyProbe: { mode: 'annotation', annotationKey: CUSTOM_KEY } };
  return { busyProbe: { mode: 'http', http: { port, periodSeconds: 1 } } };
}

export function markerOf(mode: Mode, scene: Scene, servers: FedServers): Marker {
  if (mode === 'http') return new HttpMarker(scene, servers);
  return mode === 'annotation'
    ? new AnnotationMarker(scene, DEFAULT_BUSY_ANNOTATION, ['true'])
    : new AnnotationMarker(scene, CUSTOM_KEY, SPELLINGS);
}

/** The client protocol: write busy; a reply without deletionTimestamp is a lease on the Pod's life until it is cleared. */
export class AnnotationMarker implements Marker {
  readonly kind = 'annotation';
  private writes = 0;

  constructor(
    private readonly scene: Scene,
    private readonly key: string,
    private readonly spellings: readonly string[],
  ) {}

  isCandidate({ status }: Pod): boolean {
    return status?.phase === 'Running';
  }

  async begin(pod: Pod): Promise<Begun> {
    this.writes += 1;
    const reply = await this.write(pod, this.spellings[this.writes % this.spellings.length] ?? 'true');
    if (reply === undefined) return 'gone';
    return reply.metadata.deletionTimestamp === undefined ? 'begun' : 'refused';
  }

  async end(pod: Pod): Promise<boolean> {
    const reply = await this.write(pod, null);
    return reply !== undefined && reply.metadata.deletionTimestamp === undefined;
  }

  private async write(pod: Pod, value: string | null): Promise<Pod | undefined> {
    try {
      return await this.scene.setBusy(pod, value, this.key);
    } catch (error) {
      // The API server gives up after five collisions with other writers (and so it answers for a wrong uid).
      if (isConflict(error) && (await this.isThere(pod))) return this.write(pod, value);
      if (isNotFound(error) || isConflict(error) || isInvalid(error)) return undefined;
      throw error;
    }
  }

  private async isThere(pod: Pod): Promise<boolean> {
    return (await find(this.scene, pod)) !== undefined;
  }
}

/** Sessions come by a Service over `state=idle`; the Pod's own server knows of them at once, the operator by its probe. */
class HttpMarker implements Marker {
  readonly kind = 'http';

  constructor(
    private readonly scene: Scene,
    private readonly servers: FedServers,
  ) {}

  isCandidate(pod: Pod): boolean {
    return pod.metadata.labels?.[STATE_LABEL] === 'idle' && this.servers.of(pod) !== undefined;
  }

  async begin(pod: Pod): Promise<Begun> {
    const server = this.servers.of(pod);
    if (server === undefined) return 'gone';
    server.answer = BUSY;
    return 'begun';
  }

  async end(pod: Pod): Promise<boolean> {
    const found = await find(this.scene, pod);
    const server = this.servers.of(pod);
    if (server) server.answer = IDLE;
    return found !== undefined && found.metadata.deletionTimestamp === undefined;
  }
}

/** The Pod as it is now; undefined: gone, whatever has its name. */
export async function find(scene: Scene, pod: Pod): Promise<Pod | undefined> {
  try {
    const found = await scene.pod(pod.metadata.name);
    return found.metadata.uid === pod.metadata.uid ? found : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
