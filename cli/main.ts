import { Command, CommanderError } from 'commander';
import { PACKAGE_VERSION } from '../src/version';
import { UsageError } from './errors';
import { addSimulate } from './simulate/command';

/** kubectl-hsd: `kubectl hsd`, or `npm run hsd --` in the repository. */
function programOf(): Command {
  const program = new Command('kubectl hsd')
    .description('Look at HotStandbyDeployments, and try out what they would do.')
    .version(PACKAGE_VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .helpCommand(false)
    .configureHelp({ helpWidth: 120 })
    .exitOverride();
  addSimulate(program, (text) => void process.stdout.write(`${text}\n`));
  for (const command of program.commands) command.exitOverride();
  return program;
}

// A reader that has seen enough (head, a pager) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

async function main(): Promise<void> {
  try {
    await programOf().parseAsync(process.argv);
  } catch (error) {
    // commander has said what is wrong already.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else if (error instanceof UsageError) fail(error.message, error.exitCode);
    else fail(error instanceof Error ? (error.stack ?? error.message) : String(error), 1);
  }
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`error: ${message}\n`);
  process.exitCode = exitCode;
}

void main();
