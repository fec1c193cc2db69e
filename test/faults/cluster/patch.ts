import type { ManagedFieldsEntry } from '../../../operator/kube/types';

/** How the API server changes objects: RFC 7396, RFC 6902, and server-side apply as far as the operator uses it. */

type Json = Record<string, unknown>;

const isMap = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** As JSON has it: a member that is undefined is none. */
export function isEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one)) {
    return Array.isArray(other) && one.length === other.length && one.every((value, i) => isEqual(value, other[i]));
  }
  if (!isMap(one) || !isMap(other)) return false;
  for (const key in one) if (!isEqual(one[key], other[key])) return false;
  for (const key in other) if (other[key] !== undefined && one[key] === undefined) return false;
  return true;
}

/** Without the members that are undefined. */
export function present<T extends object>(map: T): T {
  return Object.fromEntries(Object.entries(map).filter(([, value]) => value !== undefined)) as T;
}

/** RFC 7396. Neither argument is changed. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const result: Json = isMap(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

export type JsonPatchStep = { op: string; path: string; value?: unknown };

/** RFC 6902: `test`, `add`, `replace` and `remove`. @throws Error for a failed test or a path that is not there */
export function jsonPatch<T>(target: T, steps: readonly JsonPatchStep[]): T {
  const result = structuredClone(target);
  for (const step of steps) patchStep(result, step);
  return result;
}

function patchStep(root: unknown, { op, path, value }: JsonPatchStep): void {
  const { holder, key } = placeOf(root, path);
  const there = holder[key] ?? null;
  if (op === 'test' && !isEqual(there, value)) throw new Error(`${path}: test failed`);
  if (op !== 'test' && op !== 'add' && there === null) throw new Error(`${path}: nothing to ${op}`);
  if (op === 'remove') remove(holder, key);
  else if (op !== 'test') put(holder, key, structuredClone(value), op === 'add');
}

function remove(holder: Json | unknown[], key: string): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
}

/** Into a list something is added between others. */
function put(holder: Json | unknown[], key: string, value: unknown, isAdded: boolean): void {
  if (!Array.isArray(holder)) holder[key] = value;
  else holder.splice(key === '-' ? holder.length : Number(key), isAdded ? 0 : 1, value);
}

function placeOf(root: unknown, path: string): { holder: Json; key: string } {
  const keys = path.split('/').slice(1);
  const names = keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const key = names.pop() ?? '';
  let holder = root as Json;
  for (const name of names) {
    const next = holder[name];
    if (typeof next !== 'object' || next === null) throw new Error(`${path}: no such path`);
    holder = next as Json;
  }
  return { holder, key };
}

/** A set of fields as `fieldsV1` writes it; lists count as one value. */
export type Fields = { [key: string]: Fields };

export function fieldsOf(value: unknown): Fields {
  if (!isMap(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [`f:${key}`, fieldsOf(inner)]));
}

/** What of `set` is not in `other`; undefined: nothing. */
export function without(set: Fields, other: Fields): Fields | undefined {
  if (Object.keys(set).length === 0) return undefined;
  const left = Object.entries(set).flatMap(([key, inner]) => {
    const counterpart = other[key];
    if (counterpart === undefined) return [[key, inner] as const];
    const rest = without(inner, counterpart);
    return rest === undefined ? [] : [[key, rest] as const];
  });
  return left.length === 0 ? undefined : Object.fromEntries(left);
}

export function union(one: Fields, other: Fields): Fields {
  const result: Fields = { ...one };
  for (const [key, inner] of Object.entries(other)) {
    const mine = result[key];
    result[key] = mine === undefined ? inner : union(mine, inner);
  }
  return result;
}

/** `target` without the fields of `set`. */
function removeFields(target: Json, set: Fields): Json {
  const result = { ...target };
  for (const [key, inner] of Object.entries(set)) {
    const name = key.slice(2);
    const value = result[name];
    if (Object.keys(inner).length === 0) delete result[name];
    else if (isMap(value)) result[name] = removeFields(value, inner);
  }
  return result;
}

/** Fields of `after` whose value is another one than in `before`. */
export function changedFields(before: unknown, after: unknown): Fields | undefined {
  if (!isMap(after) || !isMap(before)) return JSON.stringify(before) === JSON.stringify(after) ? undefined : {};
  const changed = Object.entries(after).flatMap(([key, value]) => {
    const fields = isMap(value) && !isMap(before[key]) ? fieldsOf(value) : changedFields(before[key], value);
    return fields === undefined ? [] : [[`f:${key}`, fields] as const];
  });
  return changed.length === 0 ? undefined : Object.fromEntries(changed);
}

const isOurs = ({ manager, operation }: ManagedFieldsEntry, name: string): boolean =>
  manager === name && operation === 'Apply';

export interface Applied {
  object: Json;
  managedFields: ManagedFieldsEntry[];
}

/** Server-side apply with force: `body` wins, and what its manager applied before and does not any more goes. */
export function apply(live: Json, entries: readonly ManagedFieldsEntry[], body: Json, manager: string): Applied {
  const { metadata: _, ...rest } = body;
  const { name: _name, namespace: _ns, uid: _uid, resourceVersion: _rv, ...metadata } = body.metadata as Json;
  const wish: Json = { ...rest, metadata };
  const { apiVersion: _v, kind: _k, ...owned } = wish;
  const fields = fieldsOf(owned);
  const before = (entries.find((entry) => isOurs(entry, manager))?.fieldsV1 ?? {}) as Fields;
  const conflicts = changedFields(live, wish) ?? {};
  const others = entries
    .filter((entry) => !isOurs(entry, manager))
    .flatMap((entry) => {
      if (entry.subresource) return [entry];
      const left = without((entry.fieldsV1 ?? {}) as Fields, conflicts);
      return left === undefined ? [] : [{ ...entry, fieldsV1: left as Record<string, unknown> }];
    });
  const kept = others.reduce((all, entry) => union(all, (entry.fieldsV1 ?? {}) as Fields), {} as Fields);
  const dropped = without(before, union(fields, kept));
  const cleared = dropped === undefined ? live : removeFields(live, dropped);
  const entry: ManagedFieldsEntry = {
    manager,
    operation: 'Apply',
    apiVersion: 'apps/v1',
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
  };
  return { object: mergeWish(cleared, wish), managedFields: [entry, ...others] };
}

/** As a merge patch, but null is a value like any other. */
function mergeWish(target: Json, wish: Json): Json {
  const result = { ...target };
  for (const [key, value] of Object.entries(wish)) {
    const present = result[key];
    result[key] = isMap(value) ? mergeWish(isMap(present) ? present : {}, value) : value;
  }
  return result;
}
