/**
 * The tests that need other languages or a package registry: `npm run test:languages`. A part whose programs are missing
 * says so and is skipped; with CI set it fails.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { starts } from '../../tools/base/run';
import { apiDiff } from './api-diff';
import { apiServer } from './api-server';
import { goImport, javaImport } from './crd-import';
import { freshFolder, packedPackage } from './npm-package';
import { python } from './python';
import { javaAndGoSources } from './sources';
import type { Step, Workspace } from './step';

/** In this order: the later ones use what the first two make. */
const STEPS: readonly Step[] = [
  packedPackage,
  freshFolder,
  python,
  javaAndGoSources,
  javaImport,
  goImport,
  apiServer,
  apiDiff,
];

type Outcome = 'passed' | 'failed' | 'skipped';

async function main(): Promise<void> {
  const workspace: Workspace = { folder: mkdtempSync(join(tmpdir(), 'hotstandby-languages-')), tarball: '' };
  const count: Record<Outcome, number> = { passed: 0, failed: 0, skipped: 0 };
  try {
    for (const step of STEPS) count[await perform(step, workspace)] += 1;
  } finally {
    rmSync(workspace.folder, { recursive: true, force: true });
  }
  console.log(`Tests: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  if (count.failed > 0) process.exitCode = 1;
}

async function perform(step: Step, workspace: Workspace): Promise<Outcome> {
  const missing = await missingProgram(step);
  if (missing !== undefined) {
    console.log(`${process.env.CI ? 'FAILED' : 'skipped'} ${step.name}: ${missing} is not on this machine`);
    return process.env.CI ? 'failed' : 'skipped';
  }
  console.log(`...    ${step.name}`);
  const start = performance.now();
  const seconds = (): string => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  try {
    const said = await step.run(workspace);
    console.log(`ok     ${seconds()}: ${said}`);
    return 'passed';
  } catch (error) {
    console.log(`FAILED ${seconds()}: ${error instanceof Error ? error.message : error}`);
    return 'failed';
  }
}

async function missingProgram({ needs = [] }: Step): Promise<string | undefined> {
  for (const [program, ...args] of needs) {
    if (!(await starts(program, ...args))) return program;
  }
  return undefined;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
