import type { Observation, ProbeAnswer } from '../decide/model';
import { probedPods } from '../decide/probing';
import { probeSpecOf } from '../probe/probe-spec';
import type { Prober } from '../probe/prober';

/** What a pass needs of the prober. */
export type Probes = Pick<Prober, 'setTargets' | 'removeAll' | 'clear' | 'result' | 'probeNow'>;

/** Has the prober ask the Pods that are there now, and no others. */
export function setTargets(prober: Probes, key: string, seen: Pick<Observation, 'hsd' | 'pods'>): void {
  const spec = probeSpecOf(seen.hsd);
  if (spec === undefined) prober.removeAll(key);
  else
    prober.setTargets(
      key,
      spec,
      probedPods(seen).map(({ uid, name, ip, hostNetwork }) => ({ uid, name, ip, hostNetwork })),
    );
}

/** What is known of them, by uid. */
export function answersOf(prober: Probes, { pods }: Pick<Observation, 'pods'>): Map<string, ProbeAnswer> {
  const answers = new Map<string, ProbeAnswer>();
  for (const { uid } of pods) {
    const result = prober.result(uid);
    if (result !== undefined) answers.set(uid, result);
  }
  return answers;
}
