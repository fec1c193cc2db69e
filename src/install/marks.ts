import { MARKS } from '../api/marks';
import {
  BUSY_KEY_ANNOTATION,
  NAME_LABEL,
  RECORD_ANNOTATIONS,
  STATE_LABEL,
  TEMPLATE_HASH_ANNOTATION,
} from '../api/names';
import {
  busyIn,
  busyKeyIn,
  constraints,
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

type Field = 'annotations' | 'labels';

/** What a Pod keeps whoever writes its labels or annotations, also when they replace all of them. */
const KEPT: readonly (readonly [field: Field, key: string])[] = [
  ['labels', NAME_LABEL],
  ['labels', STATE_LABEL],
  ['annotations', BUSY_KEY_ANNOTATION],
  ['annotations', TEMPLATE_HASH_ANNOTATION],
];

/**
 * A MutatingAdmissionPolicy and its binding that write a Pod's state and marks in the very write that flips its busy
 * annotation, so that no moment passes between the two, and the operator has nothing left to write. A write that drops
 * what says whose the Pod is and which key says busy (an app that replaces its annotations by the busy one) keeps it.
 *
 * A write that does neither is not touched: the other states are the operator's business. An expression that errs lets
 * the write pass unmarked, and the operator marks the Pod as it does without this policy.
 */
export function marksManifests(input: PolicyInput) {
  const before = mapOf('oldObject', 'annotations');
  const after = mapOf('object', 'annotations');
  const key = `${after}[?${quote(BUSY_KEY_ANNOTATION)}].orValue(${busyKeyIn(before)})`;
  return policyWithBinding('Mutating', input, {
    failurePolicy: 'Ignore',
    // Another admission plugin may be the one that flips it.
    reinvocationPolicy: 'IfNeeded',
    matchConstraints: constraints([ruleFor('', 'pods', 'UPDATE')], labelledObjects),
    matchConditions: [
      {
        name: 'busy-flips-or-own-keys-go',
        expression: [`(${busyIn(after, key)}) != (${busyIn(before, key)})`, ...KEPT.map(isLost)].join(' || '),
      },
    ],
    variables: [
      { name: 'before', expression: before },
      { name: 'annotations', expression: after },
      { name: 'labelsBefore', expression: mapOf('oldObject', 'labels') },
      { name: 'labels', expression: mapOf('object', 'labels') },
      { name: 'busyKey', expression: key },
      { name: 'isBusy', expression: busyIn('variables.annotations', 'variables.busyKey') },
      { name: 'flips', expression: `variables.isBusy != (${busyIn('variables.before', 'variables.busyKey')})` },
      {
        name: 'state',
        expression: `variables.labels[?${quote(STATE_LABEL)}].orValue(variables.labelsBefore[?${quote(STATE_LABEL)}].orValue(''))`,
      },
    ],
    mutations: [
      {
        patchType: 'JSONPatch',
        jsonPatch: {
          expression: [
            ...(['labels', 'annotations'] as const).map(emptyMap),
            ...KEPT.map(restored),
            `(variables.flips ? (variables.isBusy ? ${toBusy()} : ${toIdle()}) : [])`,
          ].join(' + '),
        },
      },
    ],
  });
}

/** CEL: the write drops it; a Pod cannot change whose it is either. */
function isLost([field, key]: (typeof KEPT)[number]): string {
  return lost(mapOf('oldObject', field), mapOf('object', field), key);
}

function lost(before: string, after: string, key: string): string {
  const isGone = `!(${quote(key)} in ${after})`;
  const isOther = `${after}[?${quote(key)}] != ${before}[?${quote(key)}]`;
  return `(${quote(key)} in ${before} && ${key === NAME_LABEL ? isOther : isGone})`;
}

/** CEL: a patch that brings it back as it was. */
function restored([field, key]: (typeof KEPT)[number]): string {
  const [before, after] = field === 'labels' ? ['labelsBefore', 'labels'] : ['before', 'annotations'];
  const isKeyLost = lost(`variables.${before}`, `variables.${after}`, key);
  return `(${isKeyLost} ? [${add(field, key, `variables.${before}[${quote(key)}]`)}] : [])`;
}

/** CEL: a patch that makes the map, without which nothing can be added to it. */
function emptyMap(field: Field): string {
  const patch = `JSONPatch{op: "add", path: "/metadata/${field}", value: {}}`;
  return `(object.metadata.?${field}.hasValue() ? [] : [${patch}])`;
}

function toBusy(): string {
  const patches = [
    add('labels', STATE_LABEL, quote('busy')),
    ...BUSY_MARKS.map(([key, value]) => add('annotations', key, quote(value))),
  ];
  return `[${patches.join(', ')}]`;
}

/** Only what says busy is taken back: a value somebody else wrote is not ours. */
function toIdle(): string {
  const state = `(variables.state == 'busy' ? [${add('labels', STATE_LABEL, quote('idle'))}] : [])`;
  const marks = BUSY_MARKS.map(
    ([key, value]) => `(variables.annotations[?${quote(key)}].orValue('') == ${quote(value)} ? [${remove(key)}] : [])`,
  );
  // An app that clears its mark ends its claim: a record that stayed would be of a session that is over.
  const record = RECORD_ANNOTATIONS.map((key) => `(${quote(key)} in variables.annotations ? [${remove(key)}] : [])`);
  return [state, ...marks, ...record].join(' + ');
}

function add(field: Field, key: string, value: string): string {
  return `JSONPatch{op: "add", path: ${pathOf(field, key)}, value: ${value}}`;
}

function remove(key: string): string {
  return `JSONPatch{op: "remove", path: ${pathOf('annotations', key)}}`;
}

function pathOf(field: Field, key: string): string {
  return `"/metadata/${field}/" + jsonpatch.escapeKey(${quote(key)})`;
}
