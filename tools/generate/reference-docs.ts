/**
 * Fills what docs/ has between `<!-- generated: NAME -->` and `<!-- end -->`, so that none of it can be
 * stale. A step of `npm run generate`; alone: `npx tsx tools/generate/reference-docs.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { systemClock } from '../../operator/kube/clock';
import { CommandExit, parseOptions } from '../../operator/options';
import { OPENAPI } from '../../operator/serve/claims/openapi';
import { Metrics } from '../../operator/serve/metrics';
import { ROOT } from '../../root';
import { PERMISSIONS } from '../../src/api/permissions';
import { PACKAGE_VERSION } from '../../src/version';
import { code, specTable, statusTable, table, text } from './cr-reference';

/** Files with generated parts. */
export const REFERENCE_DOCS: readonly string[] = ['docs/reference.md', 'docs/install.md', 'docs/operations.md'];

const PARTS: Readonly<Record<string, () => string | Promise<string>>> = {
  spec: specTable,
  status: statusTable,
  flags: () => `\`\`\`text\n${operatorHelp()}\n\`\`\``,
  metrics: metricsTable,
  permissions: permissionsTable,
  'install objects': () => objectsTable('install'),
  'namespaced-install objects': () => objectsTable('namespaced-install'),
};

const MARKED = /(<!-- generated: ([^>]+?) -->\n)[\s\S]*?(<!-- end -->)/g;

/** Writes every file of REFERENCE_DOCS anew. Throws when a marker names no part. */
async function writeReferenceDocs(): Promise<void> {
  for (const file of REFERENCE_DOCS) writeFileSync(join(ROOT, file), await filled(file));
  writeFileSync(join(ROOT, 'docs/claims.openapi.json'), `${JSON.stringify(OPENAPI, null, 2)}\n`);
}

/** The text of a file with its generated parts as they should be now. */
export async function filled(file: string): Promise<string> {
  const before = readFileSync(join(ROOT, file), 'utf8');
  const names = [...before.matchAll(MARKED)].map(([, , name]) => name ?? '');
  const parts = new Map<string, string>();
  for (const name of names) {
    const part = PARTS[name];
    if (part === undefined) {
      throw new Error(`${file}: "generated: ${name}" is none of ${Object.keys(PARTS).join(', ')}`);
    }
    parts.set(name, await part());
  }
  return before.replace(
    MARKED,
    (_all, start: string, name: string, end: string) => `${start}${parts.get(name)}\n${end}`,
  );
}

function operatorHelp(): string {
  try {
    parseOptions(['--help'], {});
  } catch (error) {
    if (error instanceof CommandExit) return error.message;
    throw error;
  }
  throw new Error('the operator has no --help');
}

/** From the HELP and TYPE lines the operator itself serves. */
async function metricsTable(): Promise<string> {
  const served = await new Metrics({ clock: systemClock }).text();
  const types = new Map([...served.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  const rows = [...served.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', help = '']) => [
    code(name),
    types.get(name) ?? '',
    text(help),
  ]);
  return table(['Metric', 'Type', 'Meaning'], rows);
}

const SCOPES = {
  watched: 'every namespace looked after',
  lease: 'its own namespace',
  cluster: 'the cluster, optional',
} as const;

function permissionsTable(): string {
  const rows = PERMISSIONS.map(({ apiGroup, resources, verbs, scope, isOwnAlone, why }) => [
    resources.map((resource) => code(apiGroup === '' ? resource : `${apiGroup}/${resource}`)).join(', '),
    verbs.join(', '),
    isOwnAlone ? 'its own one alone' : SCOPES[scope],
    text(why),
  ]);
  return table(['Resource', 'Verbs', 'Where', 'Why'], rows);
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

function objectsTable(file: string): string {
  const documents = parseAllDocuments(readFileSync(join(ROOT, `synth/v${PACKAGE_VERSION}/${file}.yaml`), 'utf8'));
  const rows = documents.map((document) => {
    const { kind, metadata } = document.toJS() as Manifest;
    return [kind, code(metadata.name), metadata.namespace === undefined ? '' : code(metadata.namespace)];
  });
  return table(['Kind', 'Name', 'Namespace'], rows);
}

if (require.main === module) {
  writeReferenceDocs().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
