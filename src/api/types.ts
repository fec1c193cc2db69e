import type { specSchema, statusSchema } from './schema';

/** The TypeScript type of what an OpenAPI v3 schema (written `as const`) accepts. */
export type FromSchema<S> = S extends { 'x-kubernetes-int-or-string': true }
  ? number | string
  : S extends { enum: readonly (infer E)[] }
    ? E
    : S extends { type: 'array'; items: infer I }
      ? FromSchema<I>[]
      : S extends { type: 'object'; properties: infer P }
        ? Required_<P, S> & Optional_<P, S>
        : S extends { type: 'object'; additionalProperties: infer A }
          ? Record<string, FromSchema<A>>
          : S extends { type: 'object' }
            ? Record<string, unknown>
            : S extends { type: 'string' }
              ? string
              : S extends { type: 'integer' | 'number' }
                ? number
                : S extends { type: 'boolean' }
                  ? boolean
                  : unknown;

type RequiredKeys<P, S> = S extends { required: readonly (infer R)[] } ? R & keyof P : never;
type Required_<P, S> = { [K in RequiredKeys<P, S>]: FromSchema<P[K]> };
type Optional_<P, S> = { [K in Exclude<keyof P, RequiredKeys<P, S>>]?: FromSchema<P[K]> };

export type HotStandbySpec = FromSchema<typeof specSchema>;
export type HotStandbyStatus = FromSchema<typeof statusSchema>;
export type Condition = NonNullable<HotStandbyStatus['conditions']>[number];
export type ConditionStatus = Condition['status'];
