/**
 * Builds the cluster's programs from the Go modules pinned in binaries/go.mod, once per user: the result is kept in
 * the cache under a hash of everything that goes into it. An interrupted build goes on where it stopped (Go's own
 * build cache).
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BuildProgress } from './build-progress';
import { cacheDirectory, type Log, withLock } from './cache';

const SOURCES = join(__dirname, 'binaries');
const PROGRESS_MS = 5_000;
const RELEASE = releaseFlags(moduleVersion('k8s.io/kubernetes'));

/** One set of executables built together. */
interface Target {
  name: string;
  /** Folders of SOURCES that go into it. */
  folders: string[];
  packages: string[];
  tags: string[];
  ldflags: string;
  /** How long it takes with nothing cached, measured on 2 cores. */
  duration: string;
}

const CONTROL_PLANE: Target = {
  name: 'control-plane',
  folders: ['control-plane', 'lifeline'],
  packages: ['./control-plane'],
  tags: [],
  ldflags: RELEASE,
  duration: 'about 5 minutes',
};

const NODE: Target = {
  name: 'node',
  folders: ['node', 'lifeline'],
  packages: [
    './node',
    'github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2',
    'github.com/containernetworking/plugins/plugins/ipam/host-local',
    'github.com/containernetworking/plugins/plugins/main/bridge',
    'github.com/containernetworking/plugins/plugins/main/loopback',
  ],
  // File systems a test node never has; the tracing exporters alone are 9 MB.
  tags: ['no_btrfs', 'no_devmapper', 'no_zfs', 'no_aufs', 'no_tracing'],
  ldflags: `${RELEASE} -X github.com/containerd/containerd/v2/version.Version=${moduleVersion('github.com/containerd/containerd/v2').slice(1)}`,
  duration: 'about 1 minute after the control plane',
};

/** Path of the multi-call binary `etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kwok`. */
export async function buildControlPlane(log: Log): Promise<string> {
  return join(await build(CONTROL_PLANE, log), 'control-plane');
}

/** Folder with `node` (multi-call `kubelet|kube-proxy|containerd|ctr`), `containerd-shim-runc-v2`, `bridge`, `loopback`, `host-local`. */
export function buildNodePrograms(log: Log): Promise<string> {
  return build(NODE, log);
}

/** Whether `buildControlPlane` and, if asked, `buildNodePrograms` would return at once. */
export function isBuilt({ node = false }: { node?: boolean } = {}): boolean {
  return existsSync(outputOf(CONTROL_PLANE)) && (!node || existsSync(outputOf(NODE)));
}

async function build(target: Target, log: Log): Promise<string> {
  const output = outputOf(target);
  if (existsSync(output)) return output;
  return withLock(output, `building ${target.name}`, log, async () => {
    if (!existsSync(output)) await compile(target, output, log);
    return output;
  });
}

function outputOf(target: Target): string {
  return join(cacheDirectory(), 'binaries', `${target.name}-${hashOf(target)}`);
}

/** Over the very bytes compiled and how: 16 hexadecimal digits. */
function hashOf(target: Target): string {
  const { duration: _, ...built } = target;
  const hash = createHash('sha256').update(JSON.stringify([built, process.platform, process.arch]));
  const sources = target.folders.flatMap((folder) =>
    readdirSync(join(SOURCES, folder))
      .sort()
      .map((file) => join(folder, file)),
  );
  for (const file of ['go.mod', 'go.sum', ...sources]) hash.update(file).update(readFileSync(join(SOURCES, file)));
  return hash.digest('hex').slice(0, 16);
}

async function compile(target: Target, output: string, log: Log): Promise<void> {
  requireGo();
  const partial = `${output}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const progress = new BuildProgress(target.name);
  log(
    `${target.name}: building from Go modules, once for this user (${target.duration} on 2 cores with nothing cached)`,
  );
  const timer = setInterval(() => log(progress.line()), PROGRESS_MS);
  try {
    const tags = ['-tags', target.tags.join(',')];
    const packages = await go(['list', '-deps', ...tags, ...target.packages], progress);
    progress.total = packages.split('\n').filter(Boolean).length;
    // -v names each package as its compilation starts. The output folder keeps its separator: go build then puts
    // every program into it, one alone included.
    const flags = ['-v', '-trimpath', '-buildvcs=false', ...tags, '-ldflags', target.ldflags, '-o', `${partial}/`];
    await go(['build', ...flags, ...target.packages], progress);
  } finally {
    clearInterval(timer);
  }
  renameSync(partial, output);
  log(`${target.name}: built in ${progress.elapsed()}, ${megabytes(output)} MB in ${output}`);
  removeOlder(target, output);
}

/** Standard output of a go command run in SOURCES; its messages go to `progress`. */
function go(args: string[], progress: BuildProgress): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, { cwd: SOURCES, env: goEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
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

/**
 * Throws one line, with advice, unless Go is here and new enough: `go version` in the module's folder, where Go itself compares go.mod's version, and
 * fetches that toolchain when allowed.
 */
export function requireGo(): void {
  const wanted = /^go (\S+)$/m.exec(readFileSync(join(SOURCES, 'go.mod'), 'utf8'))?.[1];
  const advice = `install Go ${wanted} or newer (https://go.dev/dl/), or set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver`;
  try {
    execFileSync('go', ['version'], { cwd: SOURCES, env: goEnvironment(), encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new Error(`Go is not installed, and the control plane is built with it: ${advice}`);
    throw new Error(`this Go cannot build the control plane (${stderr.trim().split('\n')[0]}): ${advice}`);
  }
}

/** Builds of other versions not used for 30 days; a running program keeps its file anyway. */
function removeOlder(target: Target, output: string): void {
  const folder = join(output, '..');
  const limit = Date.now() - 30 * 86_400_000;
  for (const entry of readdirSync(folder)) {
    const path = join(folder, entry);
    const other = new RegExp(`^${target.name}-[0-9a-f]{16}$`).test(entry) && path !== output;
    if (other && statSync(path).atimeMs < limit) rmSync(path, { recursive: true, force: true });
  }
}

function moduleVersion(module: string): string {
  const version = new RegExp(`^\\s*${module} (v\\S+)`, 'm').exec(readFileSync(join(SOURCES, 'go.mod'), 'utf8'))?.[1];
  if (version === undefined) throw new Error(`binaries/go.mod does not require ${module}`);
  return version;
}

/** Without these a server says v0.0.0-master and refuses what looks like version skew. */
function releaseFlags(version: string): string {
  const [major, minor] = version.slice(1).split('.');
  const variable = 'k8s.io/component-base/version';
  return `-s -w -X ${variable}.gitVersion=${version} -X ${variable}.gitMajor=${major} -X ${variable}.gitMinor=${minor}`;
}

function megabytes(folder: string): number {
  const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  return Math.round(bytes / 1e6);
}
