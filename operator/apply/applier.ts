import type { DeploymentView, Write } from '../decide/model';
import type { EventReason } from '../decide/reasons';
import type { Api } from '../kube/api';
import { isNotFound } from '../kube/errors';
import type { KubeObject } from '../kube/types';

/** Takes the replies of own writes to one kind of object, so that the next decision sees them. */
export interface Sink {
  observe(namespace: string, object: KubeObject): void;
}

/** Where replies go: the operator's caches. */
export interface Caches {
  hsds: Sink;
  deployments: Sink & { observeView(namespace: string, view: DeploymentView): void };
  replicaSets: Sink;
  pods: Sink;
  budgets: Sink;
}

/** What every write needs: where it goes, and who sees the reply. */
export interface WriteContext {
  client: Api;
  world: Caches;
}

export interface Applier extends WriteContext {
  /** Reports what people should know and nothing can be done about, as a Warning Event. */
  warn: (reason: EventReason, note: string) => void;
}

/** The write of one kind. */
export type Of<K extends Write['kind']> = Extract<Write, { kind: K }>;

/** Sends a deletion; its reply enters the cache, and what is gone already is no error. */
export async function observeDeletion(sink: Sink, namespace: string, send: () => Promise<KubeObject>): Promise<void> {
  try {
    const reply = await send();
    // An object deleted at once answers a Status, which has no uid.
    if (reply.metadata?.uid) sink.observe(namespace, reply);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
