import type { Schema } from './schema-types';

/** One value of the chart. */
export interface Value {
  /** Keys joined by dots. */
  readonly path: string;
  readonly default: unknown;
  readonly doc: string;
  readonly schema: Schema;
  /** Entries of the default that `null` takes away. Any other `null` means the default. */
  readonly nullTakesAway?: readonly string[];
}

/** Values that belong together. */
export interface Section {
  readonly title: string;
  readonly values: readonly Value[];
}

/** @param nullTakesAway see Value */
export function value(path: string, byDefault: unknown, schema: Schema, doc: string, nullTakesAway?: string[]): Value {
  return { path, default: byDefault, schema, doc, nullTakesAway };
}
