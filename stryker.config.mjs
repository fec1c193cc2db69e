import jestConfig from './jest.config.js';

const { displayName: _, ...unit } = jestConfig.projects.find(({ displayName }) => displayName === 'unit');

/**
 * `npm run test:mutation`: changes operator/decide in every small way and sees whether a unit test notices. A survivor is
 * a rule nobody holds the code to. One file of it: `npm run test:mutation -- --mutate operator/decide/budget.ts`.
 */
export default {
  mutate: ['operator/decide/**/*.ts'],
  testRunner: 'jest',
  plugins: ['@stryker-mutator/jest-runner'],
  coverageAnalysis: 'perTest',
  jest: {
    projectType: 'custom',
    // Stryker reads jest.config.js too, and knows of one project alone.
    config: { ...unit, projects: [], testMatch: ['<rootDir>/test/unit/decide/**/*.test.ts'] },
    enableFindRelatedTests: false,
  },
  // What runs once at import time cannot be told apart by test, and costs a run of all of them for each mutant.
  ignoreStatic: true,
  concurrency: 2,
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  thresholds: { high: 95, low: 90, break: 90 },
  ignorePatterns: ['/synth', '/lib', '/dist', '/docs', '/examples', '/.cluster', '/.jsii'],
  tempDirName: '.stryker',
  // Stryker would rewrite it by the compiler's JavaScript interface, which TypeScript 7 has no more; swc reads none.
  tsconfigFile: 'none',
};
