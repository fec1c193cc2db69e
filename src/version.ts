// Written by `npm run generate` from package.json.

/** Version of this package, and of the operator image it installs unless told otherwise. */
export const PACKAGE_VERSION = '0.2.0';
