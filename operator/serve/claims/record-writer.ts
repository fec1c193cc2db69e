import type { HsdView, PodView, SessionView } from '../../decide/model';
import { claimPatch, endPatch, type RecordPatch, renewPatch } from '../../decide/sessions';
import type { Api } from '../../kube/api';
import { type Clock, sleep } from '../../kube/clock';
import { isNotFound, isOutdated, isRetryable } from '../../kube/errors';
import { paths } from '../../kube/paths';
import type { KubeObject } from '../../kube/types';
import { projectPod } from '../../observe/project';
import type { World } from '../../observe/world';

export interface RecordWriterOptions {
  /** Refuses writes while this process does not lead. */
  client: Api;
  world: Pick<World, 'pods'>;
  clock: Clock;
}

/** Between two tries of a write nobody answered. */
const RETRY_MS = 250;
/** A kubelet reports on a Pod now and then; more than a few times in a row is somebody who fights us. */
const MAX_CONFLICTS = 10;

class Unanswered {
  constructor(readonly error: unknown) {}
}

/** Writes records on Pods. Every reply enters the cache, so that the next decision sees it. */
export class RecordWriter {
  constructor(private readonly options: RecordWriterOptions) {}

  /**
   * Claims this very version of the Pod. Where no answer comes the same write is sent again until one does: it is
   * conditional, so it lands once, and what has landed is known. Undefined: the Pod is not what it was.
   *
   * @param onUnknown no answer came to the first try: callers need not wait for the next
   * @throws ApiError it is refused for good, NotLeading
   */
  async claim(
    hsd: HsdView,
    pod: PodView,
    session: SessionView,
    onUnknown: (error: unknown) => void,
  ): Promise<PodView | undefined> {
    const patch = claimPatch(hsd, pod, session);
    for (let tries = 1; ; tries += 1) {
      const answer = await this.send(pod, patch).catch((error: unknown) => new Unanswered(error));
      if (!(answer instanceof Unanswered)) return answer;
      const { error } = answer;
      if (isOutdated(error)) return tries === 1 ? undefined : this.landed(pod, session);
      if (!isRetryable(error)) throw error;
      if (tries === 1) onUnknown(error);
      await sleep(this.options.clock, RETRY_MS);
    }
  }

  /** Another end for the session. Undefined: it is no longer there. */
  renew(pod: PodView, expiresAt: number): Promise<PodView | undefined> {
    return this.whileHeld(pod, (seen) => renewPatch(seen, expiresAt));
  }

  /** Ends the session. Undefined: it was over already. */
  end(hsd: HsdView, pod: PodView): Promise<PodView | undefined> {
    return this.whileHeld(pod, (seen) => endPatch(hsd, seen));
  }

  /** The Pod as the API server has it now; undefined: it is gone, or another one of that name. */
  async refresh({ namespace, name, uid }: PodView): Promise<PodView | undefined> {
    const { client, world } = this.options;
    try {
      const object = await client.get<KubeObject>(paths.pods.one(namespace, name));
      world.pods.observe(namespace, object);
      return object.metadata.uid === uid ? projectPod(object) : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  private async landed(pod: PodView, session: SessionView): Promise<PodView | undefined> {
    const now = await this.refresh(pod);
    return isSame(now?.session, session) ? now : undefined;
  }

  /** Sends a patch of the newest version, as long as it holds the same claim of the same session. */
  private async whileHeld(pod: PodView, patchOf: (pod: PodView) => RecordPatch): Promise<PodView | undefined> {
    let seen: PodView | undefined = pod;
    for (let conflicts = 0; ; conflicts += 1) {
      if (seen === undefined || !isSame(seen.session, pod.session)) return undefined;
      try {
        return await this.send(seen, patchOf(seen));
      } catch (error) {
        if (!isOutdated(error) || conflicts >= MAX_CONFLICTS) throw error;
        seen = await this.refresh(seen);
      }
    }
  }

  private async send(pod: PodView, patch: RecordPatch): Promise<PodView> {
    const { client, world } = this.options;
    const body = { metadata: patch };
    const object = await client.mergePatch<KubeObject>(paths.pods.one(pod.namespace, pod.name), body);
    world.pods.observe(pod.namespace, object);
    return projectPod(object);
  }
}

function isSame(one: SessionView | undefined, other: SessionView | undefined): boolean {
  return one?.id === other?.id && one?.claimedAt === other?.claimedAt;
}
