import { KIND, NAME_LABEL, RESERVED_PREFIX } from '../../src/api/names';
import type { HotStandbySpec } from '../../src/api/types';
import { busyKeyOf } from './pods';
import type { Explanation, ObstacleReason } from './reasons';

type Keys = Readonly<Record<string, string | null>> | null | undefined;

/** What a Pod template says of its Pods. Nulls are absent, as in a Deployment. */
export interface TemplateMetadata {
  labels?: Keys;
  annotations?: Keys;
}

/**
 * The label of a selector that a Pod would lose with its first mark: its ReplicaSet would let go of it and make another,
 * without end. The CRD refuses it; one of an earlier version did not.
 */
export function reservedSelector({ selector }: HotStandbySpec): Explanation<ObstacleReason> | undefined {
  const key = Object.keys(selector.matchLabels).find((label) => isReserved(label) && label !== NAME_LABEL);
  if (key === undefined) return undefined;
  const message = `spec.selector.matchLabels has ${key}, a label HotStandby itself changes: select by labels of your own, for example app; a selector cannot change, so create a ${KIND} with another name`;
  return { reason: 'ReservedSelector', message };
}

/** Labels of a Pod template that are passed on. */
export function ownLabels(metadata: TemplateMetadata | undefined): Record<string, string> {
  return keep(metadata?.labels, (key) => !isReserved(key));
}

/** Annotations of a Pod template that are passed on: no Pod is born in a session. */
export function ownAnnotations(spec: HotStandbySpec): Record<string, string> {
  return keep(metadataOf(spec)?.annotations, (key, value) => !isReserved(key) && !isBusyMark(spec, key, value));
}

/** Keys of the Pod template that are left out of the child, sorted. */
export function keysLeftOut(spec: HotStandbySpec): string[] {
  const metadata = metadataOf(spec);
  const kept = { ...ownLabels(metadata), ...ownAnnotations(spec) };
  const given = [...present(metadata?.labels), ...present(metadata?.annotations)].map(([key]) => key);
  return [...new Set(given)].filter((key) => kept[key] === undefined).sort();
}

function metadataOf({ podTemplate }: HotStandbySpec): TemplateMetadata | undefined {
  return podTemplate.metadata;
}

function isReserved(key: string): boolean {
  return key.startsWith(RESERVED_PREFIX);
}

/** In http mode nobody reads the annotation. */
function isBusyMark(spec: HotStandbySpec, key: string, value: string): boolean {
  return key === busyKeyOf(spec) && value.toLowerCase() === 'true';
}

function keep(keys: Keys, test: (key: string, value: string) => boolean): Record<string, string> {
  return Object.fromEntries(present(keys).filter(([key, value]) => test(key, value)));
}

function present(keys: Keys): [string, string][] {
  return Object.entries(keys ?? {}).flatMap(([key, value]) => (value === null ? [] : [[key, value]]));
}
