import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { examplePath } from '../../../examples/images';

/** The self-annotating example in one language. */
export interface Language {
  readonly name: string;
  /** Undefined: it can run here. */
  readonly missing?: string;
  /** The command that runs the app; builds it where needed, into `folder`. */
  command(folder: string): readonly string[];
}

const GO_FOLDER = examplePath('annotation-go');

/** Whether a program can be started here. */
export function hasProgram(program: string, versionArgument: string): boolean {
  return spawnSync(program, [versionArgument], { stdio: 'ignore' }).status === 0;
}

export const LANGUAGES: readonly Language[] = [
  { name: 'Node', command: () => [process.execPath, examplePath('annotation', 'app', 'app.mjs')] },
  {
    name: 'Python',
    missing: hasProgram('python3', '--version') ? undefined : 'python3 is not installed',
    command: () => ['python3', examplePath('annotation-python', 'app', 'app.py')],
  },
  {
    name: 'Go',
    missing: hasProgram('go', 'version') ? undefined : 'go is not installed',
    command: (folder) => {
      const program = join(folder, 'rooms');
      const env = { ...process.env, CGO_ENABLED: '0' };
      execFileSync('go', ['build', '-C', GO_FOLDER, '-o', program, '.'], {
        env,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      return [program];
    },
  },
];
