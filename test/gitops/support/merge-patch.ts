/** What has to be merged into `from` to make it `to` (RFC 7396). */
export function mergePatch(from: object, to: object): Record<string, unknown> {
  const before = from as Record<string, unknown>;
  const after = to as Record<string, unknown>;
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(before)) if (!(key in after)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const old = before[key];
    if (JSON.stringify(old) === JSON.stringify(value)) continue;
    patch[key] = isMap(old) && isMap(value) ? mergePatch(old, value) : value;
  }
  return patch;
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
