import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { ManifestObject } from '../../../tools/cluster/install';

/** An object of a manifest that has a spec. */
export type Manifest = ManifestObject & { spec?: Record<string, unknown> };

/** Every object of a YAML file. */
export function manifestsIn(path: string): Manifest[] {
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => document.toJS() as Manifest);
}
