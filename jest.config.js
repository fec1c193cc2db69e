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
const globals = (folder) => ({
  globalSetup: `<rootDir>/test/${folder}/support/setup.ts`,
  globalTeardown: `<rootDir>/test/${folder}/support/teardown.ts`,
});

/**
 * One project a folder of test/; `npm test -- --selectProjects unit` runs one of them. What takes many minutes is left out of
 * `npm test` and has a script of its own: `npm run test:matrix` (every way a Pod can be ended, against every way it can be
 * busy; then the races) and `npm run test:gitops` (the real Argo CD and the real Flux, whose first build takes ten minutes).
 */
module.exports = {
  maxWorkers: 2,
  projects: [
    project('unit'),
    project('synth'),
    project('docs'),
    project('cluster'),
    project('e2e', { ...globals('e2e'), testPathIgnorePatterns: ['/test/e2e/(matrix|race)\\.test\\.ts$'] }),
    project('matrix', { ...globals('e2e'), testMatch: ['<rootDir>/test/e2e/(matrix|race).test.ts'] }),
    project('real', globals('real')),
    project('gitops', {
      globalSetup: '<rootDir>/test/gitops/support/setup.ts',
      testEnvironment: '<rootDir>/test/gitops/support/environment.ts',
    }),
  ],
};
