import { ownsTemplate, takeSpec } from '../../../operator/kube/managed-fields';
import type { ManagedFieldsEntry } from '../../../operator/kube/types';

const spec = (fields: Record<string, unknown>): Record<string, unknown> => ({ 'f:spec': fields });
const template = (fields: Record<string, unknown>): Record<string, unknown> => spec({ 'f:template': fields });
const entry = (overrides: Partial<ManagedFieldsEntry>): ManagedFieldsEntry => ({
  manager: 'kubectl-edit',
  operation: 'Update',
  apiVersion: 'apps/v1',
  fieldsType: 'FieldsV1',
  ...overrides,
});
const restartedAt = { 'f:metadata': { 'f:annotations': { '.': {}, 'f:kubectl.kubernetes.io/restartedAt': {} } } };

describe('who edited the template of the child', () => {
  const container = { 'f:spec': { 'f:containers': { 'k:{"name":"room"}': { '.': {}, 'f:image': {} } } } };
  const table: [sentence: string, entry: ManagedFieldsEntry, owns: boolean][] = [
    ['somebody who owns an image', entry({ fieldsV1: template(container) }), true],
    [
      'not HotStandby itself',
      entry({ manager: 'hotstandby', operation: 'Apply', fieldsV1: template(container) }),
      false,
    ],
    [
      'somebody who took the manager name without applying',
      entry({ manager: 'hotstandby', fieldsV1: template(container) }),
      true,
    ],
    ['not who only scaled', entry({ fieldsV1: spec({ 'f:replicas': {} }) }), false],
    ['not who wrote through a subresource', entry({ subresource: 'scale', fieldsV1: template(container) }), false],
    ['not kubectl rollout restart', entry({ fieldsV1: template(restartedAt) }), false],
    ['a restart together with an edit', entry({ fieldsV1: template({ ...restartedAt, ...container }) }), true],
    [
      'not who only owns the existence of a map',
      entry({ fieldsV1: template({ 'f:metadata': { '.': {}, 'f:labels': { '.': {} } } }) }),
      false,
    ],
    [
      'an annotation of the Pods',
      entry({ fieldsV1: template({ 'f:metadata': { 'f:annotations': { 'f:team': {} } } }) }),
      true,
    ],
    ['an atomic list', entry({ fieldsV1: template({ 'f:spec': { 'f:tolerations': {} } }) }), true],
    ['nobody without fields', entry({}), false],
  ];
  test.each(table)('%s', (_sentence, managed, owns) => {
    expect(ownsTemplate(managed)).toBe(owns);
  });
});

describe('taking over what others own in spec', () => {
  const mine = entry({ manager: 'hotstandby', operation: 'Apply', fieldsV1: spec({ 'f:paused': {} }) });

  test('moves every spec field to one entry of ours and leaves the rest with its owner', () => {
    const theirs = entry({
      manager: 'python',
      fieldsV1: { 'f:metadata': { 'f:labels': {} }, ...spec({ 'f:replicas': {}, 'f:template': { 'f:spec': {} } }) },
    });
    expect(takeSpec([theirs], 'apps/v1')).toEqual([
      {
        manager: 'hotstandby',
        operation: 'Apply',
        apiVersion: 'apps/v1',
        fieldsType: 'FieldsV1',
        fieldsV1: spec({ 'f:replicas': {}, 'f:template': { 'f:spec': {} } }),
      },
      { ...theirs, fieldsV1: { 'f:metadata': { 'f:labels': {} } } },
    ]);
  });

  test('drops an entry nothing is left of', () => {
    expect(takeSpec([entry({ fieldsV1: spec({ 'f:replicas': {} }) })], 'apps/v1')).toHaveLength(1);
  });

  test('merges with what is ours already, at any depth', () => {
    const one = entry({ fieldsV1: template({ 'f:spec': { 'f:hostname': {} } }) });
    const two = entry({ manager: 'other', fieldsV1: template({ 'f:spec': { 'f:dnsPolicy': {} }, 'f:metadata': {} }) });
    expect(takeSpec([one, mine, two], 'apps/v1')[0]?.fieldsV1).toEqual(
      spec({ 'f:paused': {}, 'f:template': { 'f:spec': { 'f:hostname': {}, 'f:dnsPolicy': {} }, 'f:metadata': {} } }),
    );
  });

  test('leaves subresources alone: the status belongs to the Deployment controller', () => {
    const status = entry({ manager: 'kube-controller-manager', subresource: 'status', fieldsV1: { 'f:status': {} } });
    const scale = entry({ subresource: 'scale', fieldsV1: spec({ 'f:replicas': {} }) });
    expect(takeSpec([status, scale], 'apps/v1').slice(1)).toEqual([status, scale]);
  });

  test('changes nothing it was given, and gives the same when done twice', () => {
    const entries = [mine, entry({ fieldsV1: template({ 'f:spec': { 'f:hostname': {} } }) })];
    const before = structuredClone(entries);
    const once = takeSpec(entries, 'apps/v1');
    expect(entries).toEqual(before);
    expect(takeSpec(once, 'apps/v1')).toEqual(once);
    expect(entries).toEqual(before);
  });

  test('afterwards nobody else owns the template', () => {
    const entries = [entry({ fieldsV1: template({ 'f:spec': { 'f:hostname': {} } }) }), mine];
    expect(entries.some(ownsTemplate)).toBe(true);
    expect(takeSpec(entries, 'apps/v1').some(ownsTemplate)).toBe(false);
  });
});
