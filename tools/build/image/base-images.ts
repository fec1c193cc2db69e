/** The images every real node has, and images of apps on top of them. */
import { readdir, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ROOT } from '../../../root';
import { run } from '../../base/run';
import { type Image, imageFromFiles } from './images';
import type { LayerEntry } from './layers';
import { findProgram } from './packages';

/** Reference of each image, for Pod templates. */
export const IMAGE_NAMES = {
  pause: 'hotstandby.local/pause:1',
  node: 'hotstandby.local/node:24',
  bareNode: 'hotstandby.local/bare-node:24',
  python: 'hotstandby.local/python:3',
} as const;

const SHELL_TOOLS = [
  'sh',
  'cat',
  'ls',
  'sleep',
  'ps',
  'id',
  'env',
  'head',
  'tail',
  'grep',
  'mkdir',
  'touch',
  'dd',
  'kill',
];
const APP_USER = 1000;
const PATH = 'PATH=/usr/local/bin:/usr/bin:/bin';

/** The sandbox image; `folder` has the program that holds namespaces, `pause`. */
export function pauseImage(folder: string): Promise<Image> {
  return imageFromFiles({
    name: IMAGE_NAMES.pause,
    layers: [[{ to: 'pause', from: join(folder, 'pause'), mode: 0o755 }]],
    config: { Entrypoint: ['/pause'] },
  });
}

/** Node.js of this project (devDependency `node`) with the libraries it needs and a shell. */
export async function nodeImage(busybox: string): Promise<Image> {
  return imageFromFiles({
    name: IMAGE_NAMES.node,
    base: await bareNodeImage(),
    layers: [shell(busybox)],
    config: { User: String(APP_USER), WorkingDir: '/app', Env: [PATH, 'NODE_ENV=production'], Cmd: ['node'] },
  });
}

/** The same Node.js with its libraries and nothing to run but it, as in a distroless image. Shares the bytes of `nodeImage`. */
export async function bareNodeImage(): Promise<Image> {
  const node = await realpath(join(ROOT, 'node_modules/node/bin/node'));
  const entries: LayerEntry[] = [{ to: 'usr/local/bin/node', from: node, mode: 0o755 }];
  return imageFromFiles({
    name: IMAGE_NAMES.bareNode,
    layers: [[...skeleton(), ...entries, ...(await libraries([node]))]],
    config: { Env: [PATH] },
  });
}

/** The machine's Python 3 with its standard library; undefined when the machine has none. */
export async function pythonImage(busybox: string): Promise<Image | undefined> {
  const python = await findPython();
  if (!python) return undefined;
  const { executable, stdlib, version } = python;
  const modules = await pythonModules(stdlib);
  const entries: LayerEntry[] = [
    { to: 'usr/local/bin/python3', from: executable, mode: 0o755 },
    { to: 'usr/local/bin/python', linkTo: 'python3' },
    ...modules.map((path) => ({ to: `usr/local/lib/python${version}/${path}`, from: join(stdlib, path) })),
  ];
  const extensions = modules.filter((path) => path.endsWith('.so')).map((path) => join(stdlib, path));
  return imageFromFiles({
    name: IMAGE_NAMES.python,
    layers: [[...skeleton(), ...shell(busybox), ...entries, ...(await libraries([executable, ...extensions]))]],
    config: {
      User: String(APP_USER),
      WorkingDir: '/app',
      Env: [PATH, 'PYTHONHOME=/usr/local', 'PYTHONDONTWRITEBYTECODE=1', 'PYTHONUNBUFFERED=1'],
      Cmd: ['python3'],
    },
  });
}

/** An app on a base image. */
export interface AppImageSource {
  readonly base: Image;
  /** Full reference, e.g. `hotstandby.local/example:1`. */
  readonly name: string;
  /** Path on this machine → path in the image. */
  readonly files: Readonly<Record<string, string>>;
  /** What the container runs, e.g. `['node', '/app/main.js']`. */
  readonly command: readonly string[];
}

/** The base with some files and a command. Costs the files' size on disk: the base is shared. */
export function appImage({ base, name, files, command }: AppImageSource): Promise<Image> {
  const layer = Object.entries(files).map(([from, to]) => ({ from, to }));
  return imageFromFiles({ name, base, layers: [layer], config: { Entrypoint: [], Cmd: command } });
}

function skeleton(): LayerEntry[] {
  const folders = ['app', 'proc', 'sys', 'dev', 'var/run', 'home'];
  return [
    ...folders.map((to) => ({ to, directory: true as const })),
    { to: 'tmp', directory: true, mode: 0o1777 },
    { to: 'etc/passwd', content: `root:x:0:0::/:/bin/sh\napp:x:${APP_USER}:${APP_USER}::/app:/bin/sh\n` },
    { to: 'etc/group', content: `root:x:0:\napp:x:${APP_USER}:\n` },
    { to: 'etc/nsswitch.conf', content: 'hosts: files dns\n' },
  ];
}

function shell(busybox: string): LayerEntry[] {
  return [
    { to: 'bin/busybox', from: busybox, mode: 0o755 },
    ...SHELL_TOOLS.map((tool) => ({ to: `bin/${tool}`, linkTo: 'busybox' })),
  ];
}

/** The shared libraries of the programs, at the paths where the programs look for them. */
async function libraries(programs: readonly string[]): Promise<LayerEntry[]> {
  const listing = await run('ldd', programs);
  const paths = new Set([...listing.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map((match) => match[1] ?? ''));
  const entries: LayerEntry[] = [];
  for (const path of paths) entries.push({ to: path, from: await realpath(path), mode: 0o755 });
  return entries;
}

async function findPython(): Promise<{ executable: string; stdlib: string; version: string } | undefined> {
  if (!findProgram('python3')) return undefined;
  const question =
    'import json,os,sys,sysconfig;print(json.dumps([os.path.realpath(sys.executable),sysconfig.get_path("stdlib"),"%d.%d"%sys.version_info[:2]]))';
  try {
    const [executable, stdlib, version] = JSON.parse(await run('python3', ['-c', question])) as [
      string,
      string,
      string,
    ];
    return { executable, stdlib, version };
  } catch {
    return undefined;
  }
}

/** Folders no app needs, more than half of the standard library's 200 MB. */
const PYTHON_LEFT_OUT = /^(test|idlelib|tkinter|turtledemo|ensurepip|lib2to3|site-packages|dist-packages|config-.*)$/;

async function pythonModules(stdlib: string): Promise<string[]> {
  const top = await readdir(stdlib, { withFileTypes: true });
  const kept = top.filter((entry) => !PYTHON_LEFT_OUT.test(entry.name));
  const nested = await Promise.all(
    kept.map(async (entry) => {
      if (!entry.isDirectory()) return [entry.name];
      const files = await readdir(join(stdlib, entry.name), { recursive: true, withFileTypes: true });
      return files
        .filter((file) => file.isFile())
        .map((file) => join(file.parentPath, file.name).slice(stdlib.length + 1));
    }),
  );
  return nested
    .flat()
    .filter(
      (path) => !path.includes('__pycache__') && !/\/tests?\//.test(path) && basename(path) !== 'EXTERNALLY-MANAGED',
    );
}
