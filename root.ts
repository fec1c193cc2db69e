/** The repository's root: absolute, and without a slash at its end. */
export const ROOT = __dirname;
