import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ROOT } from '../../root';
import { run, tool } from '../base/run';
import { releases } from './seals';

/**
 * Writes the manifests of `version` to synth/, the files that differ alone. A released version stays as it is: when the
 * code would make something else of it now, this throws one line.
 */
export async function synthesize(version: string): Promise<void> {
  const output = join(ROOT, `synth/v${version}`);
  const scratch = mkdtempSync(join(tmpdir(), 'hotstandby-synth-'));
  try {
    const fresh = join(scratch, 'synth');
    // Elsewhere first: cdk8s-cli empties its output folder.
    await run(tool('cdk8s'), ['synth', '--check-upgrade=false', '--output', fresh]);
    mkdirSync(output, { recursive: true });
    const [before, after] = [contents(output), contents(fresh)];
    const stale = [...before.keys()].filter((file) => !after.has(file));
    const changed = [...after.keys()].filter((file) => after.get(file) !== before.get(file));
    if (stale.length + changed.length === 0) return;
    if (releases().some((release) => release.version === version)) throw new Error(refusal(version));
    for (const file of stale) rmSync(join(output, file));
    for (const file of changed) cpSync(join(fresh, file), join(output, file));
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function contents(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = entries.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(files.map((file) => [relative(folder, file), readFileSync(file, 'utf8')]));
}

const refusal = (version: string): string =>
  `v${version} is released, and the code makes other manifests now: npm run release:prepare -- --open NEXT first`;
