/**
 * Builds programs from the Go modules that a go.mod pins, once per user: the result is kept in the cache under a hash of
 * everything that goes into it. An interrupted build goes on where it stopped (Go's own build cache).
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BuildProgress } from './build-progress';
import { cachedFolder, cachePath, fingerprint, type Log } from './cache';

const PROGRESS_MS = 5_000;

/** Programs built together. */
export interface GoTarget {
  /** One alone is called by it. */
  readonly name: string;
  /** Folder of the module. */
  readonly module: string;
  /** Folders whose files go into it. */
  readonly sources: readonly string[];
  readonly packages: readonly string[];
  /** Of `go build` and `go list`, for example `-tags`. */
  readonly flags: readonly string[];
  /** How long it takes with nothing cached, measured on 2 cores. */
  readonly duration: string;
  /** What else helps who has no Go. */
  readonly alternative?: string;
  /** Adds to the folder what `go build` does not make. */
  finish?(folder: string, go: GoCommand): Promise<void>;
}

/** Runs a go command in a folder; resolves with its standard output. */
export type GoCommand = (folder: string, ...args: string[]) => Promise<string>;

const KIND = 'binaries';

/** Folder with the target's programs; at once when they are in the cache. Throws one line when Go is missing or the build fails. */
export function buildGo(target: GoTarget, log: Log): Promise<string> {
  return cachedFolder(KIND, keyOf(target), log, (partial) => compile(target, partial, log));
}

/** Whether `buildGo` would return at once. */
export function isBuilt(target: GoTarget): boolean {
  return existsSync(cachePath(KIND, keyOf(target)));
}

/**
 * Throws one line, with advice, unless Go is here and new enough: `go version` in the module's folder, where Go itself
 * compares go.mod's version, and fetches that toolchain when allowed.
 */
export function requireGo({ name, module, alternative = '' }: GoTarget): void {
  const wanted = /^go (\S+)$/m.exec(readFileSync(join(module, 'go.mod'), 'utf8'))?.[1];
  const advice = `install Go ${wanted} or newer (https://go.dev/dl/)${alternative && `, or ${alternative}`}`;
  try {
    execFileSync('go', ['version'], { cwd: module, env: goEnvironment(), encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new Error(`Go is not installed, and ${name} is built with it: ${advice}`);
    throw new Error(`this Go cannot build ${name} (${stderr.trim().split('\n')[0]}): ${advice}`);
  }
}

/** The version of a module that `folder`/go.mod requires, with its `v`. */
export function moduleVersion(folder: string, module: string): string {
  const file = join(folder, 'go.mod');
  const version = new RegExp(`^\\s*${module} (v\\S+)`, 'm').exec(readFileSync(file, 'utf8'))?.[1];
  if (version === undefined) throw new Error(`${file} does not require ${module}`);
  return version;
}

function keyOf(target: GoTarget): string {
  const { name, module, sources, packages, flags } = target;
  const inFolder = (folder: string): string[] => readdirSync(join(module, folder)).map((file) => join(folder, file));
  const files = [...new Set(['go.mod', 'go.sum', ...sources.flatMap(inFolder)])];
  const how = [packages, flags, String(target.finish)];
  return `${name}-${fingerprint(
    how,
    module,
    files.filter((file) => statSync(join(module, file)).isFile()),
  )}`;
}

async function compile(target: GoTarget, folder: string, log: Log): Promise<void> {
  requireGo(target);
  const { name, module, packages, flags, duration } = target;
  const progress = new BuildProgress(name);
  log(`${name}: building from Go modules, once for this user (${duration} on 2 cores with nothing cached)`);
  const timer = setInterval(() => log(progress.line()), PROGRESS_MS);
  const go: GoCommand = (where, ...args) => runGo(where, args, progress);
  try {
    const needed = await go(module, 'list', '-deps', ...flags, ...packages);
    progress.total = needed.split('\n').filter(Boolean).length;
    // Behind a folder's separator go build puts each program under its own name.
    const output = packages.length === 1 ? join(folder, name) : `${folder}/`;
    // -v names each package as its compilation starts.
    await go(module, 'build', '-v', '-trimpath', '-buildvcs=false', ...flags, '-o', output, ...packages);
    await target.finish?.(folder, go);
  } finally {
    clearInterval(timer);
  }
  log(`${name}: built in ${progress.elapsed()}`);
}

/** Standard output of a go command; its messages go to `progress`. */
function runGo(cwd: string, args: string[], progress: BuildProgress): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, { cwd, env: goEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => progress.read(chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`go ${args[0]} failed with code ${code}:\n  ${progress.messages().join('\n  ')}`));
    });
  });
}

/** CGO off: one static binary, no C compiler wanted. */
function goEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' };
}
