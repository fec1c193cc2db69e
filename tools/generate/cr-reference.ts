/** What docs/ says of the API, as tables made from the one schema. Pure. */
import { specSchema, statusSchema } from '../../src/api/schema';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
}

/** Bounds of every count, which only CEL's cost estimate needs: not worth a reader's time. */
const TECHNICAL_MAXIMUM = 1_000_000;
/** Like a Deployment's spec.template: kubectl explain has its fields. */
const NOT_OPENED = new Set(['podTemplate', 'conditions']);

/** A Markdown table of `spec`: every field with its type, default and description. */
export function specTable(): string {
  const rows = fieldsOf(specSchema).map(({ path, schema, isRequired }) => [
    code(path),
    typeOf(schema),
    isRequired ? 'required' : defaultOf(schema),
    text(schema.description?.replace(/ Default: \S+\.$/, '')),
  ]);
  return table(['Field of `spec`', 'Type', 'Default', 'Meaning'], rows);
}

/** A Markdown table of `status`. */
export function statusTable(): string {
  const rows = fieldsOf(statusSchema).map(({ path, schema }) => [code(path), text(schema.description)]);
  return table(['Field of `status`', 'Meaning'], rows);
}

interface Field {
  readonly path: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
}

/** Leaves with their dotted paths; an object stands for itself only where its own fields are not listed. */
function fieldsOf({ properties = {}, required = [] }: Schema, prefix = '', isParentRequired = true): Field[] {
  return Object.entries(properties).flatMap(([name, schema]): Field[] => {
    const path = `${prefix}${name}`;
    const isRequired = isParentRequired && required.includes(name);
    if (schema.properties !== undefined && !NOT_OPENED.has(name)) return fieldsOf(schema, `${path}.`, isRequired);
    return [{ path, schema, isRequired }];
  });
}

function typeOf({ type = '', enum: values, minimum, maximum, additionalProperties }: Schema): string {
  if (values !== undefined) return values.map((value) => code(String(value))).join(' or ');
  if (additionalProperties !== undefined) return 'map of strings';
  if (type !== 'integer') return type;
  const isBounded = maximum !== undefined && maximum !== TECHNICAL_MAXIMUM;
  if (isBounded) return `integer, ${minimum ?? 0} to ${maximum}`;
  return minimum === undefined ? 'integer' : `integer, at least ${minimum}`;
}

/** The API server's default, or the one the description names: what an absent field means. */
function defaultOf({ default: value, description = '' }: Schema): string {
  if (value !== undefined) return code(typeof value === 'string' ? value : JSON.stringify(value));
  const [, said] = /Default: (\S+?)[.,](?:\s|$)/.exec(description) ?? [];
  return said === undefined ? '' : code(said);
}

/** A GitHub-flavoured Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export function code(value: string): string {
  return `\`${value}\``;
}

/** One cell: no line breaks, no column separators, no HTML. */
export function text(value = ''): string {
  return value
    .replace(/\s+/g, ' ')
    .replaceAll('|', '\\|')
    .replace(/<(\w[^>]*)>/g, '&lt;$1&gt;');
}
