import type { HsdView } from '../../operator/decide/model';
import type { ApiClient } from '../../operator/kube/client';
import type { Clock, Random } from '../../operator/kube/clock';
import { silentLogger } from '../../operator/kube/logger';
import { paths } from '../../operator/kube/paths';
import { Reflector } from '../../operator/kube/reflector';
import type { Change, Versioned } from '../../operator/kube/store';
import type { KubeObject } from '../../operator/kube/types';
import {
  type DeploymentObject,
  type HsdObject,
  type PodObject,
  projectDeployment,
  projectHsd,
  projectPod,
} from '../../operator/observe/project';
import { KIND, NAME_LABEL } from '../../src/api/names';
import { TEMPLATE_ANNOTATION } from './manifests';
import type { DemoPod, EventView, Model } from './model';

export interface WatchOptions {
  client: ApiClient;
  namespace: string;
  model: Model;
  clock: Clock;
  random: Random;
}

/** Keeps a model up to date with one namespace, by watches alone. */
export class Watches {
  private readonly reflectors: Pick<Reflector<Versioned>, 'start' | 'stop' | 'whenSynced'>[];
  private readonly pods: Reflector<DemoPod>;

  constructor(private readonly options: WatchOptions) {
    const { namespace, model, clock } = options;
    const labelled = { labelSelector: NAME_LABEL };
    this.pods = this.reflector(paths.pods.list(namespace), labelled, demoPod, (change) =>
      model.applyPod(change, clock.monotonic()),
    );
    this.reflectors = [
      this.pods,
      this.reflector(
        paths.hsds.list(namespace),
        {},
        (object): HsdView => projectHsd(object as HsdObject),
        (change) => model.applyHsd(change),
      ),
      this.reflector(
        paths.deployments.list(namespace),
        labelled,
        (object) => projectDeployment(object as DeploymentObject),
        (change) => model.applyChild(change, clock.monotonic()),
      ),
      this.reflector(paths.events.list(namespace), {}, eventView, (change) => model.applyEvent(change)),
    ];
  }

  /** Resolves when everything has been listed once. */
  async start(signal: AbortSignal): Promise<void> {
    for (const reflector of this.reflectors) reflector.start();
    await Promise.all(this.reflectors.map((reflector) => reflector.whenSynced(signal)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.reflectors.map((reflector) => reflector.stop()));
  }

  /** Takes over the reply to an own write of a Pod. */
  observePod(pod: KubeObject): void {
    this.pods.observe(pod);
  }

  private reflector<V extends Versioned>(
    path: string,
    query: Record<string, string>,
    transform: (object: KubeObject) => V | undefined,
    onChange: (change: Change<V>) => void,
  ): Reflector<V> {
    const { client, clock, random } = this.options;
    return new Reflector<V>({ client, path, query, transform, onChange, clock, random, logger: silentLogger });
  }
}

function demoPod(object: KubeObject): DemoPod {
  const template = object.metadata.annotations?.[TEMPLATE_ANNOTATION] ?? '?';
  return { ...projectPod(object as PodObject), template };
}

/** The parts of an events.k8s.io/v1 Event the demo shows. */
interface EventObject extends KubeObject {
  type?: string;
  reason?: string;
  note?: string;
  eventTime?: string | null;
  regarding?: { kind?: string; name?: string };
}

function eventView(object: KubeObject): EventView | undefined {
  const { metadata, type, reason, note, eventTime, regarding } = object as EventObject;
  if (regarding?.kind !== KIND) return undefined;
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    resourceVersion: metadata.resourceVersion,
    hsd: regarding.name ?? '',
    type: type ?? 'Normal',
    reason: reason ?? '',
    note: note ?? '',
    at: Date.parse(eventTime ?? metadata.creationTimestamp ?? '') || 0,
  };
}
