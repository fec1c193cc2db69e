import { MARKS } from '../api/marks';
import { NAME_LABEL, RECORD_ANNOTATIONS, STATE_LABEL } from '../api/names';
import {
  busyIn,
  busyKeyIn,
  labelledObjects,
  mapOf,
  type PolicyInput,
  policyWithBinding,
  quote,
  ruleFor,
} from './admission';

/** What a busy Pod carries beside its state. */
export const BUSY_MARKS: readonly (readonly [key: string, value: string])[] = Object.entries(MARKS.busy).flatMap(
  ([key, value]) => (value === null ? [] : [[key, value] as const]),
);

/**
 * A MutatingAdmissionPolicy and its binding that write a Pod's state and marks in the very write that flips its busy
 * annotation, so that no moment passes between the two, and the operator has nothing left to write.
 *
 * A write that does not flip busy is not touched: the other states are the operator's business. An expression that errs
 * lets the write pass unmarked, and the operator marks the Pod as it does without this policy.
 */
export function marksManifests(input: PolicyInput) {
  const after = mapOf('object', 'annotations');
  const key = busyKeyIn(after);
  return policyWithBinding('Mutating', input, {
    failurePolicy: 'Ignore',
    // Another admission plugin may be the one that flips it.
    reinvocationPolicy: 'IfNeeded',
    matchConstraints: { objectSelector: labelledObjects, resourceRules: [ruleFor('', 'pods', 'UPDATE')] },
    matchConditions: [
      {
        // The selector is content with a label on the old object; the patch below needs the map on the new one.
        name: 'labelled',
        expression: `object.metadata.?labels[?${quote(NAME_LABEL)}].hasValue()`,
      },
      {
        name: 'busy-flips',
        expression: `(${busyIn(after, key)}) != (${busyIn(mapOf('oldObject', 'annotations'), key)})`,
      },
    ],
    variables: [
      { name: 'annotations', expression: after },
      { name: 'busyKey', expression: busyKeyIn('variables.annotations') },
      { name: 'isBusy', expression: busyIn('variables.annotations', 'variables.busyKey') },
      { name: 'state', expression: `${mapOf('object', 'labels')}[?${quote(STATE_LABEL)}].orValue('')` },
    ],
    mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: `variables.isBusy ? ${toBusy()} : ${toIdle()}` } }],
  });
}

function toBusy(): string {
  const patches = [
    add('labels', STATE_LABEL, 'busy'),
    ...BUSY_MARKS.map(([key, value]) => add('annotations', key, value)),
  ];
  return `[${patches.join(', ')}]`;
}

/** Only what says busy is taken back: a value somebody else wrote is not ours. */
function toIdle(): string {
  const state = `(variables.state == 'busy' ? [${add('labels', STATE_LABEL, 'idle')}] : [])`;
  const marks = BUSY_MARKS.map(
    ([key, value]) => `(variables.annotations[?${quote(key)}].orValue('') == ${quote(value)} ? [${remove(key)}] : [])`,
  );
  // An app that clears its mark ends its claim: a record that stayed would be of a session that is over.
  const record = RECORD_ANNOTATIONS.map((key) => `(${quote(key)} in variables.annotations ? [${remove(key)}] : [])`);
  return [state, ...marks, ...record].join(' + ');
}

function add(field: 'labels' | 'annotations', key: string, value: string): string {
  return `JSONPatch{op: "add", path: ${pathOf(field, key)}, value: ${quote(value)}}`;
}

function remove(key: string): string {
  return `JSONPatch{op: "remove", path: ${pathOf('annotations', key)}}`;
}

function pathOf(field: string, key: string): string {
  return `"/metadata/${field}/" + jsonpatch.escapeKey(${quote(key)})`;
}
