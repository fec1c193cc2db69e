import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { cachedFolder, fingerprint, type Log } from '../../base/cache';
import { run } from '../../base/run';

/** Programs a node needs besides those built from Go modules. */
export interface NodeTools {
  /** OCI runtime; must know seccomp: without it no sandbox starts. */
  readonly runc: string;
  /** kube-proxy's only way to the kernel in nftables mode. */
  readonly nft: string;
  /** Static busybox for the images' shell. */
  readonly busybox: string;
  /** Folder for `LD_LIBRARY_PATH` of runc and nft. Absent when both are the system's. */
  readonly libraries?: string;
}

/** Programs that the system or Debian's packages provide. */
export type ToolName = 'runc' | 'nft' | 'busybox';

/** Debian packages with each program and the libraries a slim system may lack. */
const PACKAGES: Record<ToolName, readonly string[]> = {
  runc: ['runc', 'libseccomp2'],
  nft: [
    'nftables',
    'libnftables1',
    'libnftnl11',
    'libmnl0',
    'libjansson4',
    'libedit2',
    'libbsd0',
    'libmd0',
    'libgmp10',
    'libxtables12',
  ],
  busybox: ['busybox-static'],
};

/** Where the libraries of all packages are put together. */
const LIBRARIES = 'libraries';
const PROGRAM_DIRS = ['usr/sbin', 'usr/bin', 'sbin', 'bin'];

/** The path of a program on PATH or in the usual system folders. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * runc, nft and a static busybox: the system's where it has them, else from Debian's packages, unpacked into the
 * per-user cache. Nothing is installed. Fails with what to install when there is neither.
 */
export async function nodeTools(log: Log): Promise<NodeTools> {
  const missing = missingTools();
  const folder = missing.length > 0 ? await unpacked(missing, log) : '';
  const locate = (name: ToolName): string => {
    const path = missing.includes(name)
      ? PROGRAM_DIRS.map((dir) => join(folder, dir, name)).find((candidate) => existsSync(candidate))
      : findProgram(name);
    if (!path) throw new Error(`Debian's packages ${PACKAGES[name].join(', ')} hold no ${name}; install ${name}`);
    return path;
  };
  return {
    runc: locate('runc'),
    nft: locate('nft'),
    busybox: locate('busybox'),
    libraries: missing.some((name) => name !== 'busybox') ? join(folder, LIBRARIES) : undefined,
  };
}

/** Which of the programs the system lacks. A busybox that needs libraries is of no use inside an image. */
export function missingTools(): ToolName[] {
  return (['runc', 'nft', 'busybox'] as const).filter((name) => {
    const path = findProgram(name);
    // ldd fails on a static program.
    return !path || (name === 'busybox' && spawnSync('ldd', [path]).status === 0);
  });
}

async function unpacked(tools: readonly ToolName[], log: Log): Promise<string> {
  const packages = tools.flatMap((tool) => PACKAGES[tool]);
  return cachedFolder('debian', fingerprint([packages, LIBRARIES]), log, async (root) => {
    log(`fetching ${tools.join(', ')} from Debian (nothing is installed)`);
    await download(packages, root, log);
    const archives = (await readdir(root)).filter((name) => name.endsWith('.deb')).map((name) => join(root, name));
    for (const archive of archives) {
      await run('dpkg', ['-x', archive, root]);
      await rm(archive);
    }
    await gatherLibraries(root);
  });
}

async function download(packages: readonly string[], into: string, log: Log): Promise<void> {
  const get = (): Promise<string> => run('apt-get', ['download', ...packages], { cwd: into, timeoutMs: 300_000 });
  try {
    await get();
  } catch {
    log('apt does not know the packages yet: apt-get update');
    await run('apt-get', ['update'], { timeoutMs: 300_000 });
    await get();
  }
}

/** Debian releases differ in what lies in /lib and what in /usr/lib. */
async function gatherLibraries(root: string): Promise<void> {
  await mkdir(join(root, LIBRARIES));
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const libraries = entries.filter((entry) => !entry.isDirectory() && /\.so(\.\d+)*$/.test(entry.name));
  for (const { parentPath, name } of libraries) {
    await cp(join(parentPath, name), join(root, LIBRARIES, name), { verbatimSymlinks: true });
  }
}
