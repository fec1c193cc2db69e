import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../../root';
import { run } from '../../tools/base/run';
import { type Cluster, controlPlanePreflight, startCluster } from '../../tools/cluster';
import { releasedManifest } from '../../tools/cluster/install';
import { blocksOf } from '../docs/support/markdown';
import { freshAppFolder } from './npm-package';
import type { Step, Workspace } from './step';

/** Namespaces of the examples and recipes. */
const NAMESPACES = ['rooms', 'games', 'sandboxes', 'ci', 'notebooks', 'browsers'];
/** Idle Pods of the rooms each language describes. */
const IDLE_TARGET = 3;

/** What the other steps and the recipes synthesized, on a real API server; the rooms of each language with the operator. */
export const apiServer: Step = {
  name: 'API server: every example and recipe is accepted, and the rooms of each language run',
  needs: [['go', 'version']],
  async run(workspace) {
    const preflight = controlPlanePreflight();
    assert(preflight.ok, preflight.ok ? '' : preflight.reason);
    await synthesizeRecipes(workspace);
    const cluster = await startCluster();
    try {
      await cluster.kubectl(['apply', '--server-side', '-f', releasedManifest('crds')]);
      await cluster.kubectl(['wait', 'crd', '--all', '--for=condition=Established', '--timeout=60s']);
      for (const name of NAMESPACES) await cluster.kubectl(['create', 'namespace', name]);
      const files = manifestFiles(workspace);
      for (const file of files) await dryRun(cluster, file);
      const languages = await runRooms(cluster, workspace);
      return `${files.length} files accepted; run: ${languages.join(', ')}`;
    } finally {
      await cluster.stop();
    }
  },
};

/** With the package as it is installed in the fresh folder. */
async function synthesizeRecipes(workspace: Workspace): Promise<void> {
  const folder = join(freshAppFolder(workspace), 'recipes');
  mkdirSync(folder);
  for (const [index, { text }] of blocksOf('docs/recipes.md')
    .filter(({ language }) => language === 'ts')
    .entries()) {
    const file = `recipe-${index}.ts`;
    writeFileSync(join(folder, file), text);
    await run(join(freshAppFolder(workspace), 'node_modules/.bin/tsx'), [file], { cwd: folder });
  }
}

function manifestFiles(workspace: Workspace): string[] {
  const recipes = join(freshAppFolder(workspace), 'recipes/dist');
  const every = join(workspace.folder, 'every-feature/every-feature.k8s.yaml');
  const examples = ['annotation', 'annotation-python', 'http'].map((name) => join(ROOT, `examples/${name}/hsd.yaml`));
  return [
    ...readdirSync(recipes).map((file) => join(recipes, file)),
    ...examples,
    ...Object.values(roomsFiles(workspace)),
    ...(existsSync(every) ? [every] : []),
  ];
}

/** Languages whose step wrote its rooms. */
function roomsFiles(workspace: Workspace): Record<string, string> {
  const file = 'dist/rooms.k8s.yaml';
  const all = {
    TypeScript: join(freshAppFolder(workspace), file),
    Python: join(workspace.folder, 'python', file),
    Java: join(workspace.folder, 'import-java', file),
    Go: join(workspace.folder, 'import-go', file),
  };
  return Object.fromEntries(Object.entries(all).filter(([, path]) => existsSync(path)));
}

/** Strict: an unknown field is an error. A ServiceMonitor's definition is not installed here. */
async function dryRun(cluster: Cluster, file: string): Promise<void> {
  const documents = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS());
  const known = documents.filter(({ kind }) => kind !== 'ServiceMonitor');
  const input = known.map((object) => JSON.stringify(object)).join('\n---\n');
  const args = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '--force-conflicts', '-f', '-'];
  // A namespace of its own that is only made on paper holds nothing, so the operator's objects go to `rooms`.
  await cluster.kubectl(args, { input: input.replaceAll('"namespace":"hotstandby-system"', '"namespace":"rooms"') });
}

/** The operator brings up the Pods each language asked for. */
async function runRooms(cluster: Cluster, workspace: Workspace): Promise<string[]> {
  const operator = startOperator(cluster);
  try {
    const files = roomsFiles(workspace);
    for (const [language, file] of Object.entries(files)) {
      // A namespace for each: TypeScript and Python write the very same object.
      const namespace = `rooms-${language.toLowerCase()}`;
      await cluster.kubectl(['create', 'namespace', namespace]);
      const input = readFileSync(file, 'utf8').replace('namespace: rooms', `namespace: ${namespace}`);
      await cluster.kubectl(['apply', '-f', '-'], { input });
      const ready = `--for=jsonpath={.status.readyReplicas}=${IDLE_TARGET}`;
      await cluster.kubectl(['wait', 'hsd', '--all', '-n', namespace, ready, '--timeout=60s']);
    }
    return Object.keys(files);
  } finally {
    await stop(operator);
  }
}

function startOperator(cluster: Cluster): ChildProcess {
  const args = ['operator/main.ts', '--kubeconfig', cluster.kubeconfig, '--all-namespaces'];
  const env = { ...process.env, HOTSTANDBY_HEALTH_ADDRESS: '127.0.0.1:0' };
  return spawn(process.execPath, ['--import', 'tsx', ...args], { cwd: ROOT, env, stdio: 'ignore' });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  await ended;
}
