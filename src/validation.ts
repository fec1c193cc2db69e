import type { Duration } from 'cdk8s';

/**
 * Checks the constructors share. Each throws one line that names the property, the value it got and what would be
 * right, so that a mistake shows at synthesis and not when the API server refuses the manifest.
 */

/** Highest count any replica property accepts; the CRD has the same bound. */
const MAX_COUNT = 1_000_000;

/** Bounds of a whole number; both ends included. */
export interface IntegerBounds {
  readonly min: number;
  readonly max?: number;
}

/** Throws unless `value` is undefined or a whole number within `bounds`. */
export function checkInteger(property: string, value: number | undefined, bounds: IntegerBounds, unit = ''): void {
  const max = bounds.max ?? MAX_COUNT;
  if (value === undefined || (Number.isInteger(value) && value >= bounds.min && value <= max)) {
    return;
  }
  throw new Error(`'${property}' is ${value}: give a whole number${unit} from ${bounds.min} to ${max}`);
}

/** Throws unless `value` is undefined or a whole number of seconds within `bounds`. Returns the seconds. */
export function checkDuration(
  property: string,
  value: Duration | undefined,
  bounds: IntegerBounds,
): number | undefined {
  const seconds = value?.toSeconds({ integral: false });
  checkInteger(property, seconds, bounds, ' of seconds');
  return seconds;
}

/** Throws when both are given and `max` is less than `min`. */
export function checkOrder(minName: string, min: number | undefined, maxName: string, max: number | undefined): void {
  if (min !== undefined && max !== undefined && max < min) {
    throw new Error(
      `'${maxName}' (${max}) must not be less than '${minName}' (${min}): raise '${maxName}' or lower '${minName}'`,
    );
  }
}

// RFC 1123 label, as metadata.name of a Namespace: lower-case letters, digits and '-', at most 63 characters.
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Throws unless `value` is a DNS label: what names of Namespaces and short object names must be. */
export function checkDnsLabel(property: string, value: string): void {
  if (!DNS_LABEL.test(value)) {
    throw new Error(
      `'${property}' is "${value}": give 1 to 63 lower-case letters, digits or '-', starting and ending with a letter or digit`,
    );
  }
}

const QUALIFIED_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Whether `key` may key a label or an annotation: `[prefix/]name`. */
export function isQualifiedName(key: string): boolean {
  const parts = key.split('/');
  const name = parts.pop() ?? '';
  const prefix = parts.length > 0 ? parts.join('/') : undefined;
  return QUALIFIED_NAME.test(name) && (prefix === undefined || (prefix.length <= 253 && DNS_SUBDOMAIN.test(prefix)));
}

/** Whether `value` may be the value of a label: empty, or at most 63 characters. */
export function isLabelValue(value: string): boolean {
  return value === '' || QUALIFIED_NAME.test(value);
}

/** Whether `name` may name most objects: DNS labels joined by dots, 253 characters at most. */
export function isDnsSubdomain(name: string): boolean {
  return name.length <= 253 && DNS_SUBDOMAIN.test(name);
}
