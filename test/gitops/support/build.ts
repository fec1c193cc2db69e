/**
 * Builds Argo CD and Flux's kustomize-controller from the Go modules pinned in binaries/, once per user, as
 * tools/cluster/build.ts does for the control plane: in the same cache, under a hash of everything that goes into it.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { requireGo } from '../../../tools/cluster/build';
import { BuildProgress } from '../../../tools/cluster/build-progress';
import { cacheDirectory, type Log, withLock } from '../../../tools/cluster/cache';

const SOURCES = join(__dirname, '..', 'binaries');
const PROGRESS_MS = 5_000;
/** Two compilers at most, however many cores: each may take a gigabyte. */
const GO_FLAGS = '-p=2';
const LINKER_FLAGS = '-s -w';

/** One program, built in a module of its own because their dependencies exclude each other. */
interface Target {
  /** Folder of SOURCES, and the program's name. */
  name: string;
  package: string;
  /** Further names of the program, which tells by them what to be. */
  names: string[];
  /** How long it takes with nothing cached, measured on 2 cores. */
  duration: string;
  /** Puts CustomResourceDefinitions into a folder. */
  crds(into: string, progress: BuildProgress): Promise<void>;
}

const ARGO_CD = 'github.com/argoproj/argo-cd/v3';
const KUSTOMIZE_CONTROLLER = 'github.com/fluxcd/kustomize-controller';
/** Of these modules' Go types the Flux CRDs are generated, as Flux's own are. */
const FLUX_APIS = ['helm-controller/api/v2', 'kustomize-controller/api/v1', 'source-controller/api/v1'];

const TARGETS: Record<'argocd' | 'flux', Target> = {
  argocd: {
    name: 'argocd',
    package: '.',
    names: [
      'argocd-application-controller',
      'argocd-cmp-server',
      'argocd-lua',
      'argocd-redis',
      'argocd-repo-server',
      'kustomize',
    ],
    duration: 'about 4 minutes',
    async crds(into, progress) {
      const folder = (await go('argocd', ['list', '-m', '-f', '{{.Dir}}', ARGO_CD], progress)).trim();
      const source = join(folder, 'manifests', 'crds');
      const files = readdirSync(source).filter((file) => file.endsWith('-crd.yaml'));
      // Not a copy: what is in the module cache is read-only.
      for (const file of files) writeFileSync(join(into, file), readFileSync(join(source, file)));
    },
  },
  flux: {
    name: 'flux',
    package: KUSTOMIZE_CONTROLLER,
    names: ['kustomize-controller'],
    duration: 'about 6 minutes',
    async crds(into, progress) {
      const generator = ['run', 'sigs.k8s.io/controller-tools/cmd/controller-gen', 'crd', `output:crd:dir=${into}`];
      await go('flux-crds', [...generator, ...FLUX_APIS.map((api) => `paths=github.com/fluxcd/${api}`)], progress);
    },
  },
};

/** What a build left in the cache. */
export interface Built {
  /** Folder with one file for each program's name. */
  bin: string;
  /** Folder with CustomResourceDefinitions. */
  crds: string;
}

/** Returns at once what is in the cache already. Throws one line when Go is missing or the build fails. */
export async function build(target: keyof typeof TARGETS, log: Log): Promise<Built> {
  const wanted = TARGETS[target];
  const output = join(cacheDirectory(), 'binaries', `${wanted.name}-${hashOf(wanted)}`);
  const built = { bin: join(output, 'bin'), crds: join(output, 'crds') };
  if (existsSync(output)) return built;
  return withLock(output, `building ${wanted.name}`, log, async () => {
    if (!existsSync(output)) await compile(wanted, output, log);
    return built;
  });
}

/** Over the very bytes compiled and how: 16 hexadecimal digits. */
function hashOf(target: Target): string {
  const { duration: _, ...rest } = target;
  const how = [rest, String(target.crds), FLUX_APIS, LINKER_FLAGS, process.platform, process.arch];
  const hash = createHash('sha256').update(JSON.stringify(how));
  const folders = readdirSync(SOURCES).filter((folder) => folder.startsWith(target.name));
  for (const folder of folders.sort()) {
    for (const file of readdirSync(join(SOURCES, folder)).sort()) {
      hash.update(`${folder}/${file}`).update(readFileSync(join(SOURCES, folder, file)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

async function compile(target: Target, output: string, log: Log): Promise<void> {
  requireGo();
  const partial = `${output}.partial`;
  const bin = join(partial, 'bin');
  const crds = join(partial, 'crds');
  rmSync(partial, { recursive: true, force: true });
  for (const folder of [bin, crds]) mkdirSync(folder, { recursive: true });
  const progress = new BuildProgress(target.name);
  log(
    `${target.name}: building from Go modules, once for this user (${target.duration} on 2 cores with nothing cached)`,
  );
  const timer = setInterval(() => log(progress.line()), PROGRESS_MS);
  try {
    const packages = await go(target.name, ['list', '-deps', target.package], progress);
    progress.total = packages.split('\n').filter(Boolean).length;
    const flags = ['-v', '-trimpath', '-buildvcs=false', '-ldflags', LINKER_FLAGS, '-o', join(bin, target.name)];
    await go(target.name, ['build', ...flags, target.package], progress);
    await target.crds(crds, progress);
  } finally {
    clearInterval(timer);
  }
  for (const name of target.names) symlinkSync(target.name, join(bin, name));
  renameSync(partial, output);
  log(`${target.name}: built in ${progress.elapsed()} in ${output}`);
}

/** Standard output of a go command run in a folder of SOURCES; its messages go to `progress`. */
function go(folder: string, args: string[], progress: BuildProgress): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: GO_FLAGS };
    const child = spawn('go', args, { cwd: join(SOURCES, folder), env, stdio: ['ignore', 'pipe', 'pipe'] });
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
