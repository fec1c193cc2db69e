const { projects } = require('./jest.config');

const { testPathIgnorePatterns: _heavy, ...e2e } = projects.find(({ displayName }) => displayName === 'e2e');

/** `npm run test:matrix`: every way a Pod can be ended, against every way it can be busy; then the races. */
module.exports = { ...e2e, displayName: 'matrix', testMatch: ['<rootDir>/test/e2e/(matrix|race).test.ts'] };
