const { projects } = require('./jest.config');

const { transform, transformIgnorePatterns, modulePathIgnorePatterns } = projects[0];

/** `npm run test:gitops`: the real Argo CD and the real Flux. Their first build takes ten minutes. */
module.exports = {
  displayName: 'gitops',
  testMatch: ['<rootDir>/test/gitops/**/*.test.ts'],
  maxWorkers: 2,
  globalSetup: '<rootDir>/test/gitops/support/setup.ts',
  testEnvironment: '<rootDir>/test/gitops/support/environment.ts',
  transform,
  transformIgnorePatterns,
  modulePathIgnorePatterns,
};
