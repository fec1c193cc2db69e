import { FIELD_MANAGER } from '../../src/api/names';
import type { ManagedFieldsEntry } from './types';

/**
 * Who owns which field of the child Deployment (server-side apply's `metadata.managedFields`). Git owns the template
 * through us; another owner of a template field means that somebody edited the child by hand.
 */

type Fields = Record<string, unknown>;

/** `kubectl rollout restart` writes this annotation: a wish of its own, not an edit to undo. */
const RESTARTED_AT = 'f:kubectl.kubernetes.io/restartedAt';

export function ownsTemplate(entry: ManagedFieldsEntry): boolean {
  if (isOurs(entry) || entry.subresource) return false;
  const template = child(child(entry.fieldsV1, 'f:spec'), 'f:template');
  return template !== undefined && leaves(template).some((path) => !path.endsWith(RESTARTED_AT));
}

function isOurs(entry: ManagedFieldsEntry): boolean {
  return entry.manager === FIELD_MANAGER && entry.operation === 'Apply';
}

function child(fields: unknown, key: string): Fields | undefined {
  const value = (fields as Fields | undefined)?.[key];
  return value !== null && typeof value === 'object' ? (value as Fields) : undefined;
}

/** Paths that name a value. `.` and empty parents only say that a map or a list exists. */
function leaves(fields: Fields, prefix = ''): string[] {
  return Object.entries(fields).flatMap(([key, value]) => {
    if (key === '.') return [];
    const inner = value as Fields;
    return Object.keys(inner).length === 0 ? [`${prefix}/${key}`] : leaves(inner, `${prefix}/${key}`);
  });
}

/**
 * `managedFields` after everything others own in `spec` has become ours, so that the next server-side apply takes away
 * what Git does not hold (the upgrade path of kubernetes/client-go `csaupgrade`). Subresource entries stay as they are:
 * the status belongs to the Deployment controller, a scale to whoever scaled.
 */
export function takeSpec(entries: readonly ManagedFieldsEntry[], apiVersion: string): ManagedFieldsEntry[] {
  const ours: Fields = {};
  const rest: ManagedFieldsEntry[] = [];
  for (const entry of entries) {
    if (entry.subresource) {
      rest.push(entry);
    } else if (isOurs(entry)) {
      merge(ours, entry.fieldsV1 ?? {});
    } else {
      const { 'f:spec': spec, ...others } = entry.fieldsV1 ?? {};
      if (spec !== undefined) merge(ours, { 'f:spec': spec });
      if (Object.keys(others).length > 0) rest.push({ ...entry, fieldsV1: others });
    }
  }
  return [{ manager: FIELD_MANAGER, operation: 'Apply', apiVersion, fieldsType: 'FieldsV1', fieldsV1: ours }, ...rest];
}

function merge(into: Fields, from: Fields): void {
  for (const [key, value] of Object.entries(from)) {
    const existing = child(into, key);
    if (existing !== undefined) merge(existing, value as Fields);
    else into[key] = structuredClone(value);
  }
}
