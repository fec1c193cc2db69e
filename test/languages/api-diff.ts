import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../root';
import { run, tool } from '../../tools/base/run';
import { releases } from '../../tools/release/seals';
import type { Step } from './step';

/** Whoever compiled against the last release still compiles. */
export const apiDiff: Step = {
  name: 'API: compatible with the last release',
  async run({ folder }) {
    const last = releases().at(-1);
    if (last === undefined) return 'there is no release yet: nothing to compare with';
    const before = join(folder, 'before');
    mkdirSync(before);
    const archive = join(folder, 'before.tar');
    await run('git', ['archive', `--output=${archive}`, last.commit]);
    await run('tar', ['-xf', archive, '-C', before]);
    // Today's compiler and peers: only what the sources say is to differ.
    symlinkSync(join(ROOT, 'node_modules'), join(before, 'node_modules'));
    await run(tool('jsii'), ['--silence-warnings=reserved-word'], { cwd: before });
    await run(tool('jsii-diff'), [before, ROOT, '--experimental-errors']);
    return `nothing that v${last.version} had is gone or narrower`;
  },
};
