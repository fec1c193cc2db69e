import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run, tool } from './run';
import type { Step } from './step';

/** Whoever compiled against the last release still compiles. */
export const apiDiff: Step = {
  name: 'API: compatible with the last release',
  async run({ folder }) {
    const tag = await lastRelease();
    if (tag === undefined) return 'there is no release yet (no tag v<version>): nothing to compare with';
    const before = join(folder, 'before');
    mkdirSync(before);
    const archive = join(folder, 'before.tar');
    await run('git', ['archive', `--output=${archive}`, tag]);
    await run('tar', ['-xf', archive, '-C', before]);
    // Today's compiler and peers: only what the sources say is to differ.
    symlinkSync(join(ROOT, 'node_modules'), join(before, 'node_modules'));
    await run(tool('jsii'), ['--silence-warnings=reserved-word'], { cwd: before });
    await run(tool('jsii-diff'), [before, ROOT, '--experimental-errors']);
    return `nothing that ${tag} had is gone or narrower`;
  },
};

async function lastRelease(): Promise<string | undefined> {
  const tags = await run('git', ['tag', '--list', 'v[0-9]*', '--merged', 'HEAD', '--sort=-version:refname']);
  return tags.split('\n').find((tag) => tag !== '');
}
