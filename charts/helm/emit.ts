import { stringify } from 'yaml';
import { type Part, Place, type Sentinels } from './places';

/** Writes objects with places in them as templates. Lines that a template leaves out take their line feed with them. */
export class Emitter {
  constructor(private readonly sentinels: Sentinels) {}

  /** The template of one object. */
  document(object: object): string {
    return `${this.map(object, 0).join('\n')}\n`;
  }

  private map(map: object, indent: number): string[] {
    return Object.entries(map).flatMap(([key, value]) => this.entry(key, value, indent));
  }

  private entry(key: string, value: unknown, indent: number): string[] {
    const inPlaceOfKey = this.sentinels.placeOf(key);
    if (inPlaceOfKey) return this.partsOf(inPlaceOfKey, indent);
    const place = this.sentinels.placeOf(value);
    if (place) return this.placedEntry(key, place, indent);
    const [pad, name] = [' '.repeat(indent), this.scalar(key)];
    if (Array.isArray(value) && value.length > 0) {
      return this.unlessEmpty(pad, value, [`${pad}${name}:`, ...this.list(value, indent + 2)]);
    }
    if (isMap(value) && Object.keys(value).length > 0) {
      return this.unlessEmpty(pad, Object.keys(value), [`${pad}${name}:`, ...this.map(value, indent + 2)]);
    }
    if (typeof value === 'string' && value.includes('\n')) return blockScalar(`${pad}${name}:`, value, indent + 2);
    return [`${pad}${name}: ${this.scalar(value)}`];
  }

  private placedEntry(key: string, { content }: Place, indent: number): string[] {
    const pad = ' '.repeat(indent);
    switch (content.kind) {
      case 'parts':
        return this.entry(key, [new Place(content)], indent);
      case 'literal':
        return [`${pad}${key}: {{ ${content.expression} }}`];
      case 'optional':
        return [`${pad}{{- with ${content.expression} }}`, `${pad}${key}: {{ . | quote }}`, `${pad}{{- end }}`];
      case 'yaml':
        return [
          `${pad}{{- with ${content.expression} }}`,
          `${pad}${key}:`,
          `${pad}  {{- toYaml . | nindent ${indent + 2} }}`,
          `${pad}{{- end }}`,
        ];
      case 'choice':
        return [
          `${pad}{{- if ${content.condition} }}`,
          ...this.entry(key, content.then, indent),
          ...(content.otherwise === undefined
            ? []
            : [`${pad}{{- else }}`, ...this.entry(key, content.otherwise, indent)]),
          `${pad}{{- end }}`,
        ];
      default:
        return [`${pad}${key}: {{ ${piped(content.expression)} | quote }}`];
    }
  }

  private list(list: readonly unknown[], indent: number): string[] {
    return list.flatMap((item) => this.item(item, indent));
  }

  private item(item: unknown, indent: number): string[] {
    const pad = ' '.repeat(indent);
    const place = this.sentinels.placeOf(item);
    if (place?.content.kind === 'parts') return this.partsOf(place, indent);
    if (!isMap(item) || Object.keys(item).length === 0) return [`${pad}- ${this.scalar(item)}`];
    const lines = this.map(item, indent + 2);
    const [first = '', ...others] = lines;
    // A line that may be left out must not take the dash with it.
    return first.trimStart().startsWith('{{-') ? [`${pad}-`, ...lines] : [`${pad}- ${first.trimStart()}`, ...others];
  }

  private partsOf({ content }: Place, indent: number): string[] {
    if (content.kind !== 'parts') throw new Error(`a ${content.kind} cannot stand for entries`);
    return content.parts.flatMap((part) => this.part(part, indent));
  }

  private part(part: Part, indent: number): string[] {
    const pad = ' '.repeat(indent);
    if ('lines' in part) return part.lines.map((line) => `${pad}${line}`);
    if ('yaml' in part) {
      return [`${pad}{{- with ${part.yaml} }}`, `${pad}{{- toYaml . | nindent ${indent} }}`, `${pad}{{- end }}`];
    }
    if ('range' in part) {
      return [`${pad}{{- range ${part.range} }}`, ...this.item(part.item, indent), `${pad}{{- end }}`];
    }
    const inner = Array.isArray(part.value) ? this.list(part.value, indent) : this.map(part.value, indent);
    return [`${pad}{{- if ${part.when} }}`, ...inner, `${pad}{{- end }}`];
  }

  /** A map or list of nothing but parts is left out, key and all, when none of them is there. */
  private unlessEmpty(pad: string, members: readonly unknown[], lines: string[]): string[] {
    const conditions: string[] = [];
    for (const member of members) {
      const content = this.sentinels.placeOf(member)?.content;
      if (content?.kind !== 'parts') return lines;
      conditions.push(...content.parts.map(presence));
    }
    const condition = conditions.length === 1 ? conditions[0] : `or ${conditions.map((it) => `(${it})`).join(' ')}`;
    return [`${pad}{{- if ${condition} }}`, ...lines, `${pad}{{- end }}`];
  }

  private scalar(value: unknown): string {
    if (typeof value !== 'string') return inline(value);
    const pieces = this.sentinels.split(value);
    if (pieces.some((piece) => piece instanceof Place && piece.content.kind === 'any text')) return printf(pieces);
    const whole = this.sentinels.placeOf(value);
    if (whole) return `{{ ${piped(expressionOf(whole))} | quote }}`;
    return this.sentinels
      .split(inline(value).replaceAll('{{', '{{ "{{" }}'))
      .map((piece) => (typeof piece === 'string' ? piece : `{{ ${expressionOf(piece)} }}`))
      .join('');
  }
}

function presence(part: Part): string {
  if ('lines' in part) return part.present;
  if ('range' in part) return part.range;
  return 'yaml' in part ? part.yaml : part.when;
}

function expressionOf({ content }: Place): string {
  if ('expression' in content) return content.expression;
  throw new Error(`a place for ${content.kind} cannot stand within a string`);
}

/** `a b | quote` would quote all of it. */
function piped(expression: string): string {
  return expression.includes(' | ') ? `(${expression})` : expression;
}

function printf(pieces: readonly (string | Place)[]): string {
  const format = pieces.map((piece) => (typeof piece === 'string' ? piece.replaceAll('%', '%%') : '%s')).join('');
  const values = pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [`(${expressionOf(piece)})`]));
  return `{{ printf ${JSON.stringify(format)} ${values.join(' ')} | toRawJson }}`;
}

function inline(value: unknown): string {
  return stringify(value, { lineWidth: 0 }).trimEnd();
}

function blockScalar(head: string, value: string, indent: number): string[] {
  const text = value.endsWith('\n') ? value.slice(0, -1) : value;
  const pad = ' '.repeat(indent);
  const lines = text.split('\n').map((line) => (line === '' ? '' : pad + line.replaceAll('{{', '{{ "{{" }}')));
  return [`${head} ${value.endsWith('\n') ? '|' : '|-'}`, ...lines];
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Place);
}
