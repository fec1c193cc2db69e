import type { HsdView, PodView } from '../../decide/model';
import { busyKeyOf, isProbed } from '../../decide/pods';

/** A session whose Pod is gone. */
export interface Lost {
  pod: { name: string; namespace: string; uid: string };
}

/** How many lost sessions are remembered, over all hsds; the oldest are forgotten first. */
const MAX_LOST = 10_000;

/** Claimed Pods by hsd and session. Kept up to date by the watch and by the replies of own writes. */
export class SessionIndex {
  private readonly byHsd = new Map<string, Map<string, Map<string, PodView>>>();
  /** By `namespace/hsd` and session, oldest first. */
  private readonly lost = new Map<string, Lost>();

  /** A Pod appeared, changed or went. */
  podChanged({ previous, current }: { previous?: PodView; current?: PodView }): void {
    if (previous?.session !== undefined) this.remove(previous);
    if (current?.session !== undefined && !isOver(current)) this.put(current);
    const wasHeld = previous?.session !== undefined && !isOver(previous);
    if (wasHeld && (current === undefined || isOver(current))) this.lose(previous);
  }

  /** The Pod that holds the session; one that is on its way out only when there is no other. */
  find(key: string, sessionId: string, hsd: HsdView | undefined): PodView | undefined {
    const pods = [...(this.byHsd.get(key)?.get(sessionId)?.values() ?? [])].filter((pod) => holds(pod, hsd));
    return pods.find((pod) => !pod.deleting) ?? pods[0];
  }

  /** Every session of an hsd, the oldest first. */
  list(key: string, hsd: HsdView | undefined): PodView[] {
    const sessions = this.byHsd.get(key)?.keys() ?? [];
    const pods = [...sessions].flatMap((id) => this.find(key, id, hsd) ?? []);
    return pods.sort((a, b) => (a.session?.claimedAt ?? 0) - (b.session?.claimedAt ?? 0));
  }

  /** What became of a session's Pod, as long as it is remembered. */
  lostOf(key: string, sessionId: string): Lost | undefined {
    return this.lost.get(`${key}/${sessionId}`);
  }

  /** It is claimed anew, or released. */
  forgetLost(key: string, sessionId: string): void {
    this.lost.delete(`${key}/${sessionId}`);
  }

  private put(pod: PodView): void {
    const key = keyOf(pod);
    const id = pod.session?.id ?? '';
    const sessions = this.byHsd.get(key) ?? new Map<string, Map<string, PodView>>();
    this.byHsd.set(key, sessions);
    const pods = sessions.get(id) ?? new Map<string, PodView>();
    sessions.set(id, pods.set(pod.uid, pod));
  }

  private remove(pod: PodView): void {
    const key = keyOf(pod);
    const id = pod.session?.id ?? '';
    const sessions = this.byHsd.get(key);
    const pods = sessions?.get(id);
    pods?.delete(pod.uid);
    if (pods?.size === 0) sessions?.delete(id);
    if (sessions?.size === 0) this.byHsd.delete(key);
  }

  private lose({ session, namespace, name, uid, hsd }: PodView): void {
    const lost = `${namespace}/${hsd}/${session?.id}`;
    this.lost.delete(lost);
    this.lost.set(lost, { pod: { namespace, name, uid } });
    const [oldest] = this.lost.keys();
    if (this.lost.size > MAX_LOST && oldest !== undefined) this.lost.delete(oldest);
  }
}

function keyOf({ namespace, hsd }: PodView): string {
  return `${namespace}/${hsd}`;
}

/** A finished Pod holds nobody. */
function isOver({ phase }: PodView): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** The record of a Pod whose app has cleared its mark is over, though it stands for a moment more. */
function holds(pod: PodView, hsd: HsdView | undefined): boolean {
  if (hsd === undefined || isProbed(pod, hsd.spec)) return true;
  const key = busyKeyOf(hsd.spec);
  return pod.trueKeys.some((trueKey) => trueKey === key || trueKey === pod.busyKey);
}
