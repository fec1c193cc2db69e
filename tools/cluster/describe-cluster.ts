import { controlPlanePreflight } from './programs';

/**
 * `describe` for tests that need a control plane: where there can be none they are skipped and the reason is printed
 * once; in CI (`CI` is set) they run, and fail.
 */
export function describeCluster(name: string, tests: () => void): void {
  const preflight = controlPlanePreflight();
  if (preflight.ok || process.env.CI) {
    describe(name, tests);
    return;
  }
  process.stderr.write(`skipped: ${name}: ${preflight.reason}\n`);
  describe.skip(name, tests);
}
