/** Where this folder lies, as the clusters reach it. */
export const REPOSITORY = 'https://github.com/acme/fleet.git';
