import { RUN_ENV } from './run';

/** A `describe` that is skipped where real nodes cannot run; setup.ts has said why. */
export const describeReal = process.env[RUN_ENV] === undefined ? describe.skip : describe;

/** Prints a measured figure. */
export function note(line: string): void {
  process.stderr.write(`[real] ${line}\n`);
}
