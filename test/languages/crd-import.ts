import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../../root';
import { specSchema } from '../../src/api/schema';
import { run, tool } from '../../tools/base/run';
import { importArguments } from '../../tools/generate/importable-crd';
import { schemaErrors } from '../unit/examples/schema-errors';
import type { Step, Workspace } from './step';

const EXAMPLE = join(ROOT, 'examples/cdk8s-import');

/** What both examples write. */
const ROOMS = {
  apiVersion: 'apps.paia.tech/v1alpha1',
  kind: 'HotStandbyDeployment',
  metadata: { name: 'rooms', namespace: 'rooms' },
  spec: {
    idleTarget: 3,
    maxReplicas: 20,
    busyProbe: { mode: 'http', http: { port: 9000, path: '/b' } },
    selector: { matchLabels: { app: 'rooms' } },
    podTemplate: {
      metadata: { labels: { app: 'rooms' } },
      spec: {
        containers: [
          {
            name: 'room',
            image: 'ghcr.io/acme/room:1',
            ports: [{ containerPort: 8080 }],
            volumeMounts: [{ name: 'scratch', mountPath: '/tmp' }],
          },
        ],
        volumes: [{ name: 'scratch', emptyDir: { medium: 'Memory' } }],
      },
    },
  },
};

export const javaImport: Step = {
  name: 'Java: cdk8s import of the CRD, compiled and run',
  needs: [
    ['javac', '-version'],
    ['mvn', '--version'],
  ],
  async run(workspace) {
    const folder = await importInto(workspace, 'java');
    await run('mvn', ['--quiet', '--batch-mode', 'compile', 'exec:java'], { cwd: folder });
    return written(folder);
  },
};

/** What a module proxy says that does not have a module, or that is not there. */
const NO_MODULES = /\b(403 Forbidden|404 Not Found|410 Gone|no such host|connection refused|i\/o timeout)\b/;

export const goImport: Step = {
  name: 'Go: cdk8s import of the CRD, compiled and run',
  needs: [
    ['go', 'version'],
    ['gofmt', '-h'],
  ],
  async run(workspace) {
    const folder = await importInto(workspace, 'go');
    assert.equal(await run('gofmt', ['-l', 'main.go'], { cwd: folder }), '', 'main.go is not formatted');
    // Parses every file. What it lists is not formatted, as generated code may be; a syntax error ends it with 2.
    await run('gofmt', ['-l', '.'], { cwd: folder });
    try {
      await run('go', ['mod', 'tidy'], { cwd: folder });
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      if (!NO_MODULES.test(said)) throw error;
      assertUsesGenerated(folder);
      return "NOT compiled: this machine's module proxy does not have cdk8s for Go; made, parsed, and every name of main.go is there";
    }
    await run('go', ['run', '.'], { cwd: folder });
    return written(folder);
  },
};

async function importInto(workspace: Workspace, language: string): Promise<string> {
  const folder = join(workspace.folder, `import-${language}`);
  cpSync(join(EXAMPLE, language), folder, { recursive: true });
  const args = importArguments(join(EXAMPLE, 'crd.yaml'), 'imports');
  await run(
    tool('cdk8s'),
    args.map((arg) => arg.replace(/^--language=.*/, `--language=${language}`)),
    { cwd: folder },
  );
  return folder;
}

function written(folder: string): string {
  const manifest = parse(readFileSync(join(folder, 'dist/rooms.k8s.yaml'), 'utf8'));
  assert.deepEqual(manifest, ROOMS);
  assert.deepEqual(schemaErrors(specSchema, manifest.spec), []);
  return 'its manifest is the one expected, and the CRD accepts it';
}

/** Where there is nothing to compile with: the names main.go takes from the generated package are declared in it. */
function assertUsesGenerated(folder: string): void {
  const generated = join(folder, 'imports/appspaiatech');
  assert(existsSync(generated), 'no package appspaiatech was made');
  const declared = readdirSync(generated)
    .filter((file) => file.endsWith('.go'))
    .map((file) => readFileSync(join(generated, file), 'utf8'))
    .join('\n');
  const names = readFileSync(join(folder, 'main.go'), 'utf8').match(/(?<=appspaiatech\.)\w+/g) ?? [];
  assert(names.length > 0, 'main.go uses nothing of the generated package');
  for (const name of names) {
    assert.match(declared, new RegExp(`^(func |type |\\t)${name}\\b`, 'm'), `${name} is not in the generated package`);
  }
}
