const transform = {
  '^.+\\.[jt]s$': [
    '@swc/jest',
    { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
  ],
};
const project = (name, extra = {}) => ({
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  transform,
  // commander is published as ES modules only, which jest cannot require.
  transformIgnorePatterns: ['/node_modules/(?!commander/)'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/lib'],
  ...extra,
});

/** One project a folder of test/. `npm test -- --selectProjects unit` runs one of them. */
module.exports = {
  maxWorkers: 2,
  projects: [
    project('unit'),
    project('synth'),
    project('docs'),
    project('cluster'),
    project('e2e', {
      // Minutes each: `npm run test:matrix`.
      testPathIgnorePatterns: ['/test/e2e/(matrix|race)\\.test\\.ts$'],
      globalSetup: '<rootDir>/test/e2e/support/setup.ts',
      globalTeardown: '<rootDir>/test/e2e/support/teardown.ts',
    }),
    project('real', {
      globalSetup: '<rootDir>/test/real/support/setup.ts',
      globalTeardown: '<rootDir>/test/real/support/teardown.ts',
    }),
  ],
};
