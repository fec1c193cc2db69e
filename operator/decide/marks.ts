import { MARKS, markLabels, type PodState } from '../../src/api/marks';
import { BUSY_KEY_ANNOTATION, DRAIN_ANNOTATION, RECORD_ANNOTATIONS } from '../../src/api/names';
import type { HsdView, PodView, Write } from './model';
import { busyKeyOf, isProbed } from './pods';
import { ownAnnotations } from './reserved';
import { drains } from './template';

export type MarkWrite = Extract<Write, { kind: 'markPod' }>;

/** The one patch that brings a Pod's label and annotations to `state`; undefined when they are right already. */
export function markWrite(hsd: HsdView, pod: PodView, state: PodState, attached: boolean): MarkWrite | undefined {
  const adopted = pod.hsd === hsd.name;
  const annotations = {
    ...annotationChanges(hsd, pod, state),
    ...drainChange(hsd, pod, attached),
    ...recordChange(hsd, pod, state),
  };
  const key = adopted ? pod.busyKey : busyKeyOf(hsd.spec);
  if (!adopted || pod.untrueKey) annotations[BUSY_KEY_ANNOTATION] = key ?? '';
  if (adopted && pod.state === state && Object.keys(annotations).length === 0) return undefined;
  // Only a mark that protects may land on a Pod that changed meanwhile.
  return {
    kind: 'markPod',
    pod,
    state,
    labels: markLabels(hsd.name, state),
    annotations,
    unchangedOnly: state !== 'busy',
  };
}

/** Only the hsd owns a detached Pod: without this the garbage collector would not wait for its session. */
function drainChange({ spec }: HsdView, pod: PodView, attached: boolean): Record<string, string | null> {
  const wanted = !attached && drains({ spec });
  const present = pod.marks[DRAIN_ANNOTATION] !== undefined;
  if (wanted === present) return {};
  return { [DRAIN_ANNOTATION]: wanted ? 'true' : null };
}

/** An app that clears its busy annotation ends its claim: the record says nothing any more. */
function recordChange({ spec }: HsdView, pod: PodView, state: PodState): Record<string, null> {
  if (state === 'busy' || pod.session === undefined || isProbed(pod, spec)) return {};
  return Object.fromEntries(RECORD_ANNOTATIONS.map((key) => [key, null]));
}

/**
 * A value somebody else wrote (an autoscaler's own deletion cost) is not ours to take away, and what the template says of
 * a key is back when our mark goes.
 */
function annotationChanges({ spec }: HsdView, pod: PodView, state: PodState): Record<string, string | null> {
  const before = pod.state === undefined ? {} : MARKS[pod.state];
  const template = templateMarks(spec);
  const changes: Record<string, string | null> = {};
  for (const [key, mark] of Object.entries(MARKS[state])) {
    const current = pod.marks[key];
    const isOurs = current === undefined || current === (before[key] ?? undefined);
    const wanted = mark ?? (isOurs ? (template[key] ?? null) : current);
    if (wanted !== (current ?? null)) changes[key] = wanted;
  }
  return changes;
}

/** By spec object: it is asked for every Pod of every pass. */
const marksOfTemplates = new WeakMap<HsdView['spec'], Readonly<Record<string, string>>>();

function templateMarks(spec: HsdView['spec']): Readonly<Record<string, string>> {
  const known = marksOfTemplates.get(spec);
  if (known !== undefined) return known;
  const annotations = ownAnnotations(spec);
  marksOfTemplates.set(spec, annotations);
  return annotations;
}
