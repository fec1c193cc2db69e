/** Which packages are in the operator's bundle: from what esbuild took, and the lockfile. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { ROOT } from '../../root';

/** A package of which at least one byte is in the bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
  /** The lockfile's, as `sha512-` and base64. */
  readonly integrity: string;
  /** Folder from the repository's root. */
  readonly folder: string;
}

/** The packages of a bundle, and which takes which. */
export interface BundledPackages {
  /** By name, then version. */
  readonly packages: readonly BundledPackage[];
  /** Folders each package imports from, by its folder; the operator's own files under ''. */
  readonly imports: ReadonlyMap<string, ReadonlySet<string>>;
}

type LockEntry = { version?: string; license?: string; integrity?: string };

/** Throws one line when the lockfile does not know a package, its licence or its checksum. */
export function bundledPackages(metafile: Metafile): BundledPackages {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockEntry>;
  };
  const taken = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const folders = new Set(taken.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => folderOf(path)));
  const packages = [...folders].filter(Boolean).map((folder): BundledPackage => {
    const { version, license, integrity } = lock.packages[folder] ?? {};
    if (version === undefined || license === undefined || integrity === undefined) {
      throw new Error(
        `${folder} is in the operator's bundle, and package-lock.json lacks its version, licence or checksum`,
      );
    }
    return {
      name: folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version,
      license,
      integrity,
      folder,
    };
  });
  // Not by locale: the same everywhere.
  const key = ({ name, version }: BundledPackage): string => `${name}@${version}`;
  packages.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return { packages, imports: importsBetween(metafile, folders) };
}

function importsBetween({ inputs }: Metafile, folders: ReadonlySet<string>): Map<string, Set<string>> {
  const found = new Map([...folders].map((folder) => [folder, new Set<string>()]));
  for (const [path, { imports }] of Object.entries(inputs)) {
    const from = folderOf(path);
    for (const { path: target } of imports) {
      const to = folderOf(target);
      if (to !== '' && to !== from && folders.has(to)) found.get(from)?.add(to);
    }
  }
  return found;
}

/** Folder of the package a file belongs to (node_modules may be a link); '' for own files and for Node's modules. */
function folderOf(path: string): string {
  return /node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? '';
}
