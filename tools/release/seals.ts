/** synth/SHA256SUMS: the versions that are released, and what is in them. `sha256sum -c` understands it. */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../root';

const SEALS = 'synth/SHA256SUMS';

/** A released version. */
export interface Release {
  /** For example 0.1.0. */
  readonly version: string;
  /** Day of the release, as 2026-11-22. */
  readonly date: string;
  /** Commit its manifests and its operator were made from. */
  readonly commit: string;
  /** SHA-256 in hex by path below synth/. */
  readonly files: ReadonlyMap<string, string>;
}

/** Every release, oldest first. Throws at a line that is neither a release nor a checksum of one. */
export function releases(root = ROOT): Release[] {
  const found: (Release & { files: Map<string, string> })[] = [];
  for (const line of readFileSync(join(root, SEALS), 'utf8').trimEnd().split('\n')) {
    const [, version, date, commit] = /^# v(\S+) (\d{4}-\d\d-\d\d) ([0-9a-f]{40})$/.exec(line) ?? [];
    const [, sum, path] = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line) ?? [];
    const last = found.at(-1);
    if (version && date && commit) found.push({ version, date, commit, files: new Map() });
    else if (sum && path && last !== undefined && path.startsWith(`v${last.version}/`)) last.files.set(path, sum);
    else
      throw new Error(`${SEALS}: "${line}" is neither "# vX.Y.Z DATE COMMIT" nor a checksum of the version above it`);
  }
  return found;
}

/** What is wrong with the released files: a line for each that is missing, changed, or new. Empty when all is well. */
export function brokenSeals(root = ROOT, sealed = releases(root)): string[] {
  return sealed.flatMap(({ version, files }) => {
    const there = new Set(filesOf(root, version));
    const undo = `put it back: git checkout HEAD -- synth/v${version}`;
    return [
      ...[...files.keys()].filter((path) => !there.has(path)).map((path) => `synth/${path} is missing; ${undo}`),
      ...[...there].flatMap((path) => {
        const sum = files.get(path);
        if (sum === undefined) return [`synth/${path} is no part of the released v${version}; remove it`];
        return sum === checksum(root, path) ? [] : [`synth/${path} is not what was released as v${version}; ${undo}`];
      }),
    ];
  });
}

/** Adds what lies in synth/v`version` as a release. */
export function seal({ version, date, commit }: Omit<Release, 'files'>, root = ROOT): void {
  const lines = filesOf(root, version).map((path) => `${checksum(root, path)}  ${path}`);
  appendFileSync(join(root, SEALS), `${[`# v${version} ${date} ${commit}`, ...lines].join('\n')}\n`);
}

function filesOf(root: string, version: string): string[] {
  const folder = join(root, `synth/v${version}`);
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const below = (parent: string): string => parent.slice(join(root, 'synth').length + 1);
  return entries.map(({ parentPath, name }) => join(below(parentPath), name)).sort();
}

function checksum(root: string, path: string): string {
  return createHash('sha256')
    .update(readFileSync(join(root, 'synth', path)))
    .digest('hex');
}
