import { stringify } from 'yaml';
import type { Schema } from './schema-types';
import type { Value } from './value';
import { SECTIONS } from './values';

const WIDTH = 110;

type Node = { value?: Value; children: Map<string, Node> };

/** values.yaml: every value with its default and what it means. */
export function valuesYaml(): string {
  const written = new Set<string>();
  const blocks = SECTIONS.flatMap(({ title, values }) => [
    `# ${title}`,
    ...[...tree(values).children].map(([key, node]) => {
      if (written.has(key)) throw new Error(`the values of "${key}" belong in one section`);
      written.add(key);
      return nodeLines(key, node, 0).join('\n');
    }),
  ]);
  return `# Every value of the chart with its default. Unknown values are refused.\n\n${blocks.join('\n\n')}\n`;
}

/** values.schema.json: what helm checks before it renders. */
export function valuesSchema(): Schema {
  const root = tree(SECTIONS.flatMap(({ values }) => values));
  const { properties, ...rest } = nodeSchema(root) as { properties: Record<string, object> };
  const $schema = 'http://json-schema.org/draft-07/schema#';
  // Of a chart that has this one as a dependency: others read other keys of it.
  const global = { ...properties.global, additionalProperties: true };
  return {
    $schema,
    title: 'Values of the chart hotstandby',
    ...rest,
    properties: { ...properties, global },
  };
}

/**
 * The template `hotstandby.defaults`, which every other one includes first: a bare key in somebody's values is `null`,
 * by which helm takes the default away; here it comes back. The deeper entries of a default come after it.
 */
export function defaultsTemplate(): string {
  const lines = SECTIONS.flatMap(({ values }) => values.flatMap(defaultsOf)).map(
    ({ path, value }) => `- ${JSON.stringify({ path, value })}`,
  );
  return DEFAULTS_TEMPLATE.replace('@DEFAULTS@', lines.join('\n'));
}

const DEFAULTS_TEMPLATE = `{{- /* Generated from the values' table by \`npm run generate\`. */}}

{{/* Puts the default wherever the values have nothing. */}}
{{- define "hotstandby.defaults" -}}
{{- range fromYamlArray (include "hotstandby.defaultValues" .) -}}
{{- $map := $.Values -}}
{{- range initial .path -}}
{{- if kindIs "invalid" (index $map .) }}{{ $_ := set $map . dict }}{{ end -}}
{{- $map = index $map . -}}
{{- end -}}
{{- $key := last .path -}}
{{- if kindIs "invalid" (index $map $key) }}{{ $_ := set $map $key .value }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "hotstandby.defaultValues" }}
@DEFAULTS@
{{- end -}}
`;

type Default = { readonly path: readonly string[]; readonly value: unknown };

/** A value's default, then each entry of it that `null` does not take away. */
function defaultsOf({ path, default: byDefault, nullTakesAway = [] }: Value): Default[] {
  const keys = path.split('.');
  return [{ path: keys, value: byDefault }, ...entriesOf(byDefault, keys, nullTakesAway)];
}

function entriesOf(value: unknown, above: readonly string[], left: readonly string[]): Default[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value)
    .filter(([key]) => !left.includes(key))
    .flatMap(([key, below]) => {
      const path = [...above, key];
      const entries = entriesOf(below, path, []);
      return entries.length > 0 ? entries : [{ path, value: below }];
    });
}

/** The values as Markdown: one table a section. */
export function valuesTable(): string {
  return SECTIONS.map(({ title, values }) => {
    const rows = values.map(
      ({ path, default: byDefault, doc }) => `| \`${path}\` | ${inCode(byDefault)} | ${cell(doc)} |`,
    );
    return [`### ${title}`, '', '| Value | Default | Meaning |', '| --- | --- | --- |', ...rows].join('\n');
  }).join('\n\n');
}

function tree(values: readonly Value[]): Node {
  const root: Node = { children: new Map() };
  for (const value of values) {
    let node = root;
    for (const key of value.path.split('.')) {
      const child = node.children.get(key) ?? { children: new Map() };
      node.children.set(key, child);
      node = child;
    }
    node.value = value;
  }
  return root;
}

function nodeLines(key: string, { value, children }: Node, indent: number): string[] {
  const pad = ' '.repeat(indent);
  if (value === undefined) {
    return [`${pad}${key}:`, ...[...children].flatMap(([name, child]) => nodeLines(name, child, indent + 2))];
  }
  const comment = wrapped(value.doc, WIDTH - indent).map((line) => `${pad}# ${line}`);
  const yaml = stringify({ [key]: value.default }, { lineWidth: 0, singleQuote: false }).trimEnd();
  return [...comment, ...yaml.split('\n').map((line) => pad + line)];
}

function nodeSchema({ value, children }: Node): Schema {
  if (value) return { description: value.doc, ...orNull(value.schema), default: value.default };
  const properties = Object.fromEntries([...children].map(([key, child]) => [key, nodeSchema(child)]));
  return orNull({ type: 'object', additionalProperties: false, properties });
}

/** A bare key means the default; what helm leaves of it depends on helm's version and on whether the chart is a dependency. */
function orNull(schema: Schema): Schema {
  const { type, enum: words } = schema as { type?: string | string[]; enum?: unknown[] };
  return { ...schema, ...(type && { type: [type, 'null'].flat() }), ...(words && { enum: [...words, null] }) };
}

function wrapped(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

function inCode(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
