/** The part of a structural OpenAPI schema that a manifest in this repository can get wrong. */
export interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
}

/**
 * What the API server would say about `value` (CEL rules aside), one line an error, empty when it is fine. Unlike a plain
 * apply, which drops unknown fields with a warning, an unknown field is an error.
 */
export function schemaErrors(schema: Schema, value: unknown, path = 'spec'): string[] {
  if (schema['x-kubernetes-int-or-string']) {
    return isType('integer', value) || typeof value === 'string' ? [] : [`${path}: not an integer or string`];
  }
  if (schema.type && !isType(schema.type, value)) return [`${path}: not of type ${schema.type}`];
  if (schema.enum && !schema.enum.includes(value)) return [`${path}: not one of ${schema.enum.join(', ')}`];
  if (typeof value === 'number') return numberErrors(schema, value, path);
  if (Array.isArray(value)) return arrayErrors(schema, value, path);
  return isObject(value) ? objectErrors(schema, value, path) : [];
}

function numberErrors({ minimum = -Infinity, maximum = Infinity }: Schema, value: number, path: string): string[] {
  return value < minimum || value > maximum ? [`${path}: ${value} is not from ${minimum} to ${maximum}`] : [];
}

function arrayErrors({ items = {}, minItems = 0 }: Schema, value: unknown[], path: string): string[] {
  const short = value.length < minItems ? [`${path}: fewer than ${minItems} items`] : [];
  return [...short, ...value.flatMap((item, index) => schemaErrors(items, item, `${path}[${index}]`))];
}

function objectErrors(schema: Schema, value: Record<string, unknown>, path: string): string[] {
  const missing = (schema.required ?? []).filter((key) => !(key in value)).map((key) => `${path}.${key}: missing`);
  const others = Object.entries(value).flatMap(([key, entry]) => {
    const known = schema.properties?.[key] ?? schema.additionalProperties;
    if (known) return schemaErrors(known, entry, `${path}.${key}`);
    return schema['x-kubernetes-preserve-unknown-fields'] ? [] : [`${path}.${key}: unknown field`];
  });
  return [...missing, ...others];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isType(type: string, value: unknown): boolean {
  if (type === 'object') return isObject(value);
  if (type === 'array') return Array.isArray(value);
  return type === 'integer' ? Number.isInteger(value) : typeof value === type;
}
