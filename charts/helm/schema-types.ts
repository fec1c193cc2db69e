/** A JSON Schema, draft 7. */
export type Schema = Readonly<Record<string, unknown>>;

export const boolean: Schema = { type: 'boolean' };
export const string: Schema = { type: 'string' };
/** Any map: what the API server checks. */
export const anyMap: Schema = { type: 'object' };
export const anyMaps: Schema = { type: 'array', items: anyMap };
export const strings: Schema = { type: 'array', items: { type: 'string', minLength: 1 }, uniqueItems: true };
/** A label's value: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/. */
const LABEL_VALUE = '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$';
export const labels: Schema = {
  type: 'object',
  additionalProperties: { type: 'string', maxLength: 63, pattern: LABEL_VALUE },
};
const QUANTITY = '^([0-9]+|[0-9]+\\.[0-9]*|\\.[0-9]+)(([KMGTPE]i)|[numkMGTPE]|[eE][+-]?[0-9]+)?$';
/** Amounts by resource: `100m`, `128Mi`. */
export const quantities: Schema = {
  type: 'object',
  additionalProperties: { type: ['string', 'number'], pattern: QUANTITY, minimum: 0 },
};
const BYTE = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
/** Address ranges, of IPv4 or IPv6. */
export const cidrs: Schema = {
  type: 'array',
  items: {
    type: 'string',
    pattern: `^((${BYTE}\\.){3}${BYTE}/(3[0-2]|[12]?[0-9])|[0-9a-fA-F.]*(:[0-9a-fA-F.]*){2,7}/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))$`,
  },
  uniqueItems: true,
};
/** Labels or annotations: YAML reads `1` and `true` as something else, so they need quotes. */
export const stringMap: Schema = { type: 'object', additionalProperties: string };

const DNS_LABEL = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
export const dnsLabels: Schema = {
  type: 'array',
  items: { type: 'string', pattern: `^${DNS_LABEL}$` },
  uniqueItems: true,
};
export const nameOrEmpty: Schema = { type: 'string', pattern: '^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$' };
/** A duration of Prometheus, or empty. */
export const promDuration: Schema = { type: 'string', pattern: '^([0-9]+(ms|[smhdwy]))*$' };
export const ports: Schema = {
  type: 'array',
  items: { type: 'integer', minimum: 1, maximum: 65535 },
  uniqueItems: true,
};

export const oneOf = (...words: string[]): Schema => ({ type: 'string', enum: words });
export const matching = (pattern: string): Schema => ({ type: 'string', pattern });
export const integer = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum });

/** A map of these fields and no other. */
export function fields(properties: Record<string, Schema>, required: string[] = []): Schema {
  return { type: 'object', properties, required, additionalProperties: false };
}

/** A map with no other keys than these; what is under them the API server checks. */
export const keysOf = (...keys: string[]): Schema => fields(Object.fromEntries(keys.map((key) => [key, {}])));

export const listOf = (items: Schema): Schema => ({ type: 'array', items });
