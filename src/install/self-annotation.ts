import { ANNOTATOR_LABEL, BUSY_KEY_ANNOTATION, RECORD_ANNOTATIONS, STATE_LABEL } from '../api/names';
import {
  busyIn,
  busyKeyIn,
  constraints,
  mapOf,
  type PolicyInput,
  policyWithBinding,
  quote,
  ruleFor,
} from './admission';
import { BUSY_MARKS } from './marks';

const POD_NAME = 'authentication.kubernetes.io/pod-name';
const POD_UID = 'authentication.kubernetes.io/pod-uid';

/**
 * A ValidatingAdmissionPolicy and its binding that limit ServiceAccounts labelled `hsd.paia.tech/annotator: "true"`: a
 * Pod with such a token may change its own Pod alone, and there nothing but the busy annotation. What the marks policy
 * adds to that write is allowed with it.
 *
 * The ServiceAccounts are the policy's parameters: the API server evaluates it once for each labelled one in the
 * namespace of the Pod written, and for nobody else (docs/adr/0002-self-annotation.md).
 */
export function selfAnnotationManifests(input: PolicyInput) {
  const spec = {
    failurePolicy: 'Fail',
    paramKind: { apiVersion: 'v1', kind: 'ServiceAccount' },
    // No object selector: RBAC lets the ServiceAccount write every Pod of the namespace, also those without our labels.
    matchConstraints: constraints([ruleFor('', 'pods', 'UPDATE')]),
    matchConditions: [
      {
        name: 'annotator',
        expression: `request.userInfo.username == 'system:serviceaccount:' + params.metadata.namespace + ':' + params.metadata.name`,
      },
    ],
    variables: variables(),
    validations: [
      {
        expression:
          'variables.writer == object.metadata.name && variables.writerUid == object.metadata.uid && variables.writer != ""',
        messageExpression: `(variables.writer == '' ? 'a token that is bound to no Pod' : 'Pod ' + variables.writer) + ' may not change Pod ' + object.metadata.name + ': the Pods of ServiceAccount ' + params.metadata.name + ' may each change only themselves (it is labelled ${ANNOTATOR_LABEL})'`,
        message: `the Pods of a ServiceAccount labelled ${ANNOTATOR_LABEL} may each change only themselves`,
        reason: 'Forbidden',
      },
      {
        expression: 'variables.refused.size() == 0',
        messageExpression: `'Pod ' + object.metadata.name + ' may change of itself only ' + (variables.busyKey == '' ? 'its busy annotation, and has none (no annotation ${BUSY_KEY_ANNOTATION})' : 'annotation ' + variables.busyKey) + ', not ' + variables.refused.join(', ') + ': ServiceAccount ' + params.metadata.name + ' is labelled ${ANNOTATOR_LABEL}'`,
        message: `a Pod of a ServiceAccount labelled ${ANNOTATOR_LABEL} may change only its busy annotation`,
        reason: 'Forbidden',
      },
    ],
  };
  const paramRef = {
    selector: { matchLabels: { [ANNOTATOR_LABEL]: 'true' } },
    // Without a labelled ServiceAccount there is nobody to limit.
    parameterNotFoundAction: 'Allow',
  };
  return policyWithBinding('Validating', input, spec, { paramRef });
}

function variables() {
  const marks = BUSY_MARKS.map(([key, value]) => `${quote(key)}: ${quote(value)}`).join(', ');
  return [
    { name: 'writer', expression: claim(POD_NAME) },
    { name: 'writerUid', expression: claim(POD_UID) },
    { name: 'before', expression: mapOf('oldObject', 'annotations') },
    { name: 'after', expression: mapOf('object', 'annotations') },
    { name: 'labelsBefore', expression: mapOf('oldObject', 'labels') },
    { name: 'labelsAfter', expression: mapOf('object', 'labels') },
    // Of the old object: the key itself is not the Pod's to change.
    { name: 'busyKey', expression: busyKeyIn('variables.before') },
    { name: 'isBusy', expression: busyIn('variables.after', 'variables.busyKey') },
    {
      name: 'flips',
      expression: `variables.isBusy != (${busyIn('variables.before', 'variables.busyKey')})`,
    },
    { name: 'marks', expression: `{${marks}}` },
    { name: 'annotations', expression: changedKeys('before', 'after') },
    { name: 'labels', expression: changedKeys('labelsBefore', 'labelsAfter') },
    { name: 'refused', expression: refused() },
  ];
}

function claim(name: string): string {
  return `request.userInfo.?extra[?${quote(name)}][?0].orValue('')`;
}

/** CEL: keys added, changed and taken away. */
function changedKeys(before: string, after: string): string {
  const [b, a] = [`variables.${before}`, `variables.${after}`];
  return `${a}.filter(k, !(k in ${b}) || ${b}[k] != ${a}[k]) + ${b}.filter(k, !(k in ${a}))`;
}

/** CEL: what was changed beyond the busy annotation and the marks that go with its flip, each in words. */
function refused(): string {
  const record = RECORD_ANNOTATIONS.map(quote).join(', ');
  // Its claim is over with its mark, and the marks policy takes the record away in the same write.
  const released = `k in [${record}] && variables.flips && !variables.isBusy && !(k in variables.after)`;
  const marked =
    "k in variables.marks && variables.flips && (variables.isBusy ? variables.after[?k].orValue('') == variables.marks[k] : !(k in variables.after) && variables.before[?k].orValue('') == variables.marks[k])";
  const state = quote(STATE_LABEL);
  const stated = `k == ${state} && variables.flips && (variables.isBusy ? variables.labelsAfter[?k].orValue('') == 'busy' : variables.labelsBefore[?k].orValue('') == 'busy' && variables.labelsAfter[?k].orValue('') == 'idle')`;
  return [
    `variables.annotations.filter(k, k != variables.busyKey && !(${marked}) && !(${released})).map(k, 'annotation ' + k)`,
    `variables.labels.filter(k, !(${stated})).map(k, 'label ' + k)`,
    "(object.spec == oldObject.spec ? [] : ['spec'])",
    ...['ownerReferences', 'finalizers'].map(
      (field) => `(object.metadata.?${field} == oldObject.metadata.?${field} ? [] : ['${field}'])`,
    ),
  ].join(' + ');
}
