import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../../base/eventually';

const ROOT = '/sys/fs/cgroup';

/** 1: a hierarchy a controller (or both kinds together). 2: the unified hierarchy alone. */
export function cgroupVersion(): 1 | 2 {
  return existsSync(join(ROOT, 'cgroup.controllers')) ? 2 : 1;
}

/** The directories `name` has or would have: one with cgroup v2, one per hierarchy with v1. */
export async function cgroupDirectories(name: string): Promise<string[]> {
  return (await hierarchies()).map((hierarchy) => join(hierarchy, name));
}

/**
 * Makes cgroup `name` for a cluster and one below it for each node. The kubelet's `cgroupRoot` must exist beforehand
 * with its controllers ready: with v1 cpuset's lists filled in, with v2 the controllers handed down.
 */
export async function createCgroups(name: string, nodes: readonly string[]): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    for (const path of [name, ...nodes.map((node) => join(name, node))]) {
      const directory = join(hierarchy, path);
      await mkdir(directory, { recursive: true });
      await handDown(hierarchy, directory);
    }
  }
}

/**
 * Removes what is below cgroup `path`, which no process is in any more. A booted machine has no cgroups of its earlier
 * life either; left alone they cost the kubelet's start 3 s each.
 */
export async function removeCgroupsBelow(path: string): Promise<void> {
  for (const directory of await cgroupDirectories(path)) {
    await until(`cgroups below ${directory} to be unused`, async () => {
      const children = (await readdir(directory, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort((a, b) => b.length - a.length);
      const removed = await Promise.allSettled(children.map((child) => rmdir(child)));
      return removed.every(({ status }) => status === 'fulfilled') || undefined;
    });
  }
}

/** Every hierarchy a container can be put in. */
async function hierarchies(): Promise<string[]> {
  if (cgroupVersion() === 2) return [ROOT];
  const entries = await readdir(ROOT, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(ROOT, entry.name));
}

/** What the kubelet counts on with cgroup v2 (kubernetes.io/docs/concepts/architecture/cgroups); hugetlb may be absent. */
const V2_CONTROLLERS = ['cpu', 'cpuset', 'io', 'memory', 'pids', 'hugetlb'];

async function handDown(hierarchy: string, directory: string): Promise<void> {
  const parent = join(directory, '..');
  if (cgroupVersion() === 1) {
    // cpuset starts with empty lists and refuses processes until they are set.
    const lists = ['cpuset.cpus', 'cpuset.mems'].filter((file) => existsSync(join(directory, file)));
    for (const file of lists) await writeFile(join(directory, file), await readFile(join(parent, file)));
    return;
  }
  const available = await words(join(hierarchy, 'cgroup.controllers'));
  for (const group of [parent, directory]) {
    const control = join(group, 'cgroup.subtree_control');
    const on = await words(control);
    const missing = V2_CONTROLLERS.filter((name) => available.includes(name) && !on.includes(name));
    if (missing.length > 0) await writeFile(control, missing.map((name) => `+${name}`).join(' '));
  }
}

async function words(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8')).trim().split(/\s+/);
}
