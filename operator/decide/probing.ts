import type { Observation, PodView } from './model';
import { isLive, isProbed } from './pods';

type Probing = Pick<Observation, 'hsd' | 'pods' | 'probes'>;

/** Pods that can answer an HTTP probe. */
export function probedPods({ hsd, pods }: Pick<Observation, 'hsd' | 'pods'>): PodView[] {
  return pods.filter((pod) => isLive(pod) && pod.running && isProbed(pod, hsd.spec));
}

/** Ready Pods (uids) that have answered a probe, or are asked anew by this very plan. */
export function askedPods(seen: Probing): Set<string> {
  return new Set(readyPods(seen));
}

/** The first probe often comes before the app listens: a Pod that turned Ready is asked at once, not a period later. */
export function unaskedPods(seen: Probing & Pick<Observation, 'asked'>): string[] {
  return readyPods(seen).filter((uid) => !seen.asked.has(uid) && seen.probes.get(uid)?.state === 'unknown');
}

function readyPods(seen: Probing): string[] {
  return probedPods(seen).flatMap(({ ready, uid }) => (ready && seen.probes.has(uid) ? [uid] : []));
}
