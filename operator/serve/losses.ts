import { API_VERSION, childName, KIND } from '../../src/api/names';
import type { PodView } from '../decide/model';
import { isLive } from '../decide/pods';
import type { Api } from '../kube/api';
import { ApiError, isNotFound } from '../kube/errors';
import type { Logger } from '../kube/logger';
import { microTime } from '../kube/micro-time';
import { paths } from '../kube/paths';
import type { KubeObject } from '../kube/types';
import type { World } from '../observe/world';

export interface LossesOptions {
  client: Pick<Api, 'get' | 'create'>;
  world: Pick<World, 'hsd'>;
  logger: Logger;
  /** A busy Pod was ended that nobody meant to end. */
  onLoss: () => void;
}

/** What the cause of a refusal is called when its namespace is being deleted. */
const TERMINATING = 'NamespaceTerminating';

/**
 * Counts busy Pods that were ended although their hsd stays. That a Pod is no longer seen is no proof: its labels may
 * have been edited, or the API server's history have gone back. And who deletes the namespace means its Pods, too: they
 * go first, while the hsd still looks as if it stayed. So a suspected loss is looked into.
 */
export class Losses {
  constructor(private readonly options: LossesOptions) {}

  podChanged({ previous, current }: { previous?: PodView; current?: PodView }): void {
    const wasBusy = previous !== undefined && previous.state === 'busy' && isLive(previous);
    if (!wasBusy || (current !== undefined && isLive(current)) || !this.stays(previous)) return;
    void this.lookInto(previous, current).catch((err: unknown) => {
      const { namespace, name } = previous;
      this.options.logger.warn({ err, namespace, pod: name }, 'cannot tell whether a busy Pod was ended');
    });
  }

  private async lookInto(pod: PodView, seen: PodView | undefined): Promise<void> {
    const isOver = seen !== undefined || !(await this.lives(pod));
    if (!isOver || (await this.isTerminating(pod.namespace)) || !this.stays(pod)) return;
    this.options.onLoss();
    const { namespace, name, hsd = '' } = pod;
    this.options.logger.warn({ namespace, pod: name, child: childName(hsd) }, 'a busy Pod was ended');
  }

  /** Its hsd is there and is to stay. */
  private stays({ namespace, hsd }: PodView): boolean {
    const owner = this.options.world.hsd(`${namespace}/${hsd}`);
    return owner !== undefined && !owner.deleting;
  }

  private async lives({ namespace, name, uid }: PodView): Promise<boolean> {
    try {
      const { metadata } = await this.options.client.get<KubeObject>(paths.pods.one(namespace, name));
      return metadata.uid === uid && metadata.deletionTimestamp === undefined;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Asked by a trial that stores nothing: the operator may not read namespaces. */
  private async isTerminating(namespace: string): Promise<boolean> {
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { generateName: 'hotstandby-', namespace },
      eventTime: microTime(0),
      reportingController: 'hotstandby',
      reportingInstance: 'trial',
      regarding: { apiVersion: API_VERSION, kind: KIND, namespace },
      type: 'Normal',
      reason: 'Trial',
      action: 'Trial',
    };
    try {
      await this.options.client.create(paths.events.list(namespace), event, { query: { dryRun: 'All' } });
      return false;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return isNotFound(error) || (error.details?.causes?.some(({ reason }) => reason === TERMINATING) ?? false);
    }
  }
}
