/**
 * Order of two resourceVersions of one resource: negative when `a` is older, 0 when equal, positive when newer.
 * They are decimal numbers of up to 128 bits since Kubernetes promises so (KEP-5504). Anything else counts as newer, so
 * that the order of arrival decides.
 */
export function compareResourceVersions(a: string, b: string): number {
  if (a === b) return 0;
  if (!isNumber(a) || !isNumber(b)) return 1;
  const difference = BigInt(a) - BigInt(b);
  return difference > 0n ? 1 : difference < 0n ? -1 : 0;
}

const isNumber = (version: string): boolean => /^[0-9]+$/.test(version);
