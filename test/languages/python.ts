import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT } from '../../root';
import { run, tool } from '../../tools/base/run';
import { freshAppFolder } from './npm-package';
import type { Step, Workspace } from './step';

const PYTHON = process.env.PYTHON ?? 'python3';

/** The wheel is built, installed as a user would, and synthesizes what TypeScript does. */
export const python: Step = {
  name: 'Python: the wheel synthesizes what TypeScript does, byte for byte',
  needs: [[PYTHON, '-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 9)']],
  async run(workspace) {
    const wheel = await buildWheel(workspace);
    const folder = join(workspace.folder, 'python');
    cpSync(join(ROOT, 'examples/cdk8s-python'), folder, { recursive: true });
    await run(PYTHON, ['-m', 'venv', '.venv'], { cwd: folder });
    const interpreter = join(folder, '.venv/bin/python');
    // One install of both, so that pip takes the wheel for the line of the requirements that names it.
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', wheel, '-r', 'requirements.txt'];
    await run(interpreter, install, { cwd: folder });
    const env = { JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION: '1', JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION: '1' };

    await run(interpreter, ['main.py'], { cwd: folder, env });
    const rooms = 'dist/rooms.k8s.yaml';
    const app = compare(join(folder, rooms), join(freshAppFolder(workspace), rooms));

    cpSync(join(ROOT, 'test/languages/every_feature.py'), join(folder, 'every_feature.py'));
    const error = await run(interpreter, ['every_feature.py'], { cwd: folder, env });
    assert.match(error, /'idleTarget' is -1: give a whole number from 0 to 1000000/);
    const output = join(workspace.folder, 'every-feature');
    await run(tool('tsx'), ['test/languages/every-feature.ts'], { env: { CDK8S_OUTDIR: output } });
    const file = 'every-feature.k8s.yaml';
    const every = compare(join(folder, 'dist', file), join(output, file));
    return `${app} and ${every} bytes compared`;
  },
};

async function buildWheel({ folder }: Workspace): Promise<string> {
  await run(tool('jsii-pacmak'), ['--targets', 'python', '--outdir', join(folder, 'dist')]);
  const [wheel, ...others] = readdirSync(join(folder, 'dist/python')).filter((file) => file.endsWith('.whl'));
  assert(wheel !== undefined && others.length === 0, 'jsii-pacmak is expected to make one wheel');
  return join(folder, 'dist/python', wheel);
}

/** Fails unless both files are the same. Resolves with their size. */
function compare(fromPython: string, fromTypeScript: string): number {
  const expected = readFileSync(fromTypeScript, 'utf8');
  assert.equal(readFileSync(fromPython, 'utf8'), expected, `${basename(fromPython)}: Python writes something else`);
  return Buffer.byteLength(expected);
}
