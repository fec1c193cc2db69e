/** Upper bound of every replica count: CEL needs one to price its rules, and no Deployment comes near it. */
const MAX_COUNT = 1_000_000;

/** A whole number of Pods, percent or seconds. */
export const count = { type: 'integer', format: 'int32', minimum: 0, maximum: MAX_COUNT } as const;
