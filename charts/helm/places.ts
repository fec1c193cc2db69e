/**
 * Places in an object that the chart fills. Those that go through the constructs are sentinel strings, valid wherever a
 * DNS label is; the others are put into the finished object.
 *
 * Expressions name the values by `$`, which stays the chart's root within `range` and `with`.
 */

/** What stands where one entry of a map, or one item of a list, would. */
export type Part =
  /** These entries or items, if the condition holds. */
  | { readonly when: string; readonly value: object }
  /** The entries or items of a value; none when it is empty. */
  | { readonly yaml: string }
  /** One item of a list for each member of a value, which is `.` there. */
  | { readonly range: string; readonly item: object }
  /** Lines of a template; `present` says when there are any. */
  | { readonly lines: readonly string[]; readonly present: string };

type Content =
  /** A string. */
  | { readonly kind: 'text'; readonly expression: string }
  /** A string that may hold any character, so the whole scalar is quoted by the template. */
  | { readonly kind: 'any text'; readonly expression: string }
  /** A number or a boolean. */
  | { readonly kind: 'literal'; readonly expression: string }
  /** A string; its entry is left out when it is empty. */
  | { readonly kind: 'optional'; readonly expression: string }
  /** A map or a list; its entry is left out when it is empty. */
  | { readonly kind: 'yaml'; readonly expression: string }
  | { readonly kind: 'choice'; readonly condition: string; readonly then: unknown; readonly otherwise?: unknown }
  | { readonly kind: 'parts'; readonly parts: readonly Part[] };

/** One place in an object, with what fills it. */
export class Place {
  constructor(readonly content: Content) {}
}

export const text = (expression: string) => new Place({ kind: 'text', expression });
export const literal = (expression: string) => new Place({ kind: 'literal', expression });
export const optional = (expression: string) => new Place({ kind: 'optional', expression });
export const yaml = (expression: string) => new Place({ kind: 'yaml', expression });
export const parts = (...list: Part[]) => new Place({ kind: 'parts', parts: list });
/** Without `otherwise` the entry is left out unless the condition holds. */
export const choice = (condition: string, then: unknown, otherwise?: unknown) =>
  new Place({ kind: 'choice', condition, then, otherwise });

const SENTINEL = /zz\d{4}zz/g;

/** The sentinels of one chart. */
export class Sentinels {
  private readonly places: Place[] = [];

  /** A string such as a name: it can stand within another string. */
  text(expression: string): string {
    return this.add(new Place({ kind: 'text', expression }));
  }

  /** A string that may hold quotes, colons and the like. */
  anyText(expression: string): string {
    return this.add(new Place({ kind: 'any text', expression }));
  }

  /** Stands where a string is wanted, for whatever fills the place. */
  add(place: Place): string {
    this.places.push(place);
    return `zz${String(this.places.length - 1).padStart(4, '0')}zz`;
  }

  /** What a value is the place of, if it is one. */
  placeOf(value: unknown): Place | undefined {
    if (value instanceof Place) return value;
    return typeof value === 'string' && /^zz\d{4}zz$/.test(value) ? this.lookUp(value) : undefined;
  }

  /** The pieces of a string: what stands between its sentinels, and their places. */
  split(text: string): (string | Place)[] {
    const found = [...text.matchAll(SENTINEL)];
    const between = text.split(SENTINEL);
    return between.flatMap((piece, index) => {
      const sentinel = found[index]?.[0];
      const place = sentinel === undefined ? undefined : this.lookUp(sentinel);
      return place === undefined ? [piece] : [piece, place];
    });
  }

  private lookUp(sentinel: string): Place | undefined {
    return this.places[Number(sentinel.slice(2, -2))];
  }
}

type Tree = Record<string | number, unknown>;

function parentOf(object: unknown, path: readonly (string | number)[]): Tree {
  let node = object as Tree | undefined;
  for (const key of path.slice(0, -1)) node = node?.[key] as Tree | undefined;
  if (typeof node !== 'object') throw new Error(`there is no ${path.join('/')} in the object`);
  return node;
}

export function valueAt(object: unknown, path: readonly (string | number)[]): unknown {
  return parentOf(object, path)[path.at(-1) as string];
}

/** Fills a place the constructs have filled with a default. Throws when they no longer have it. */
export function replaceAt(object: unknown, path: readonly (string | number)[], value: unknown): void {
  const [parent, key] = [parentOf(object, path), path.at(-1) as string];
  if (parent[key] === undefined) throw new Error(`there is no ${path.join('/')} to replace in the object`);
  parent[key] = value;
}

/** Adds an entry to a map that has no such one. */
export function addAt(object: unknown, path: readonly (string | number)[], value: unknown): void {
  const [parent, key] = [parentOf(object, path), path.at(-1) as string];
  if (parent[key] !== undefined) throw new Error(`there is ${path.join('/')} in the object already`);
  parent[key] = value;
}
