import { paths } from '../../../operator/kube/paths';
import { STATE_LABEL } from '../../../src/api/names';
import type { Pod, Scene } from '../../e2e/support/scene';

const SILENCE_MS = 120_000;

/** What a stretch of time looked like to a Service over idle Pods. */
export interface IdleHistory {
  /** Changes of Pods seen. */
  changes: number;
  fewest: number;
  /** All Pods and their states at the moments when fewer than wanted were marked idle. */
  dips: string[];
}

/**
 * Follows all Pods of the scene while `act` runs. A watch tells every write in the order in which it happened, so no
 * dip is too short to be seen. Readiness is left to the Service: on a busy machine a probe may fail by itself.
 */
export async function idleWhile(scene: Scene, wanted: number, act: () => Promise<void>): Promise<IdleHistory> {
  const path = paths.pods.list(scene.namespace);
  const { items, metadata } = await scene.api.list<Pod>(path);
  const pods = new Map(items.map((pod) => [pod.metadata.uid, pod]));
  const history: IdleHistory = { changes: 0, fewest: Number.POSITIVE_INFINITY, dips: [] };
  const over = new AbortController();
  const watching = (async () => {
    const query = { resourceVersion: metadata.resourceVersion };
    for await (const { type, object } of scene.api.watch(path, query, over.signal, SILENCE_MS)) {
      if (type === 'DELETED') pods.delete(object.metadata.uid);
      else pods.set(object.metadata.uid, object as Pod);
      note(history, [...pods.values()], wanted);
    }
  })().catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  try {
    await act();
  } finally {
    over.abort();
    await watching;
  }
  return history;
}

function note(history: IdleHistory, pods: readonly Pod[], wanted: number): void {
  const live = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const states = live.map((pod) => pod.metadata.labels?.[STATE_LABEL]);
  const idle = states.filter((state) => state === 'idle').length;
  history.changes += 1;
  history.fewest = Math.min(history.fewest, idle);
  if (idle < wanted) history.dips.push(live.map((pod, index) => `${pod.metadata.name} ${states[index]}`).join(', '));
}
