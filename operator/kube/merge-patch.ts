import { isDeepStrictEqual } from 'node:util';

/** The JSON merge patch (RFC 7396) that makes `after` of `before`. Lists are replaced whole. */
export function mergePatchBetween(before: object, after: object): Record<string, unknown> {
  const left = new Map(Object.entries(before));
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(after)) {
    const existing = left.get(key);
    left.delete(key);
    if (isMap(existing) && isMap(value)) {
      const inner = mergePatchBetween(existing, value);
      if (Object.keys(inner).length > 0) patch[key] = inner;
    } else if (!isDeepStrictEqual(existing, value)) patch[key] = value;
  }
  for (const key of left.keys()) patch[key] = null;
  return patch;
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
