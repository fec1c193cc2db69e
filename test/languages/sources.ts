import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, tool } from '../../tools/base/run';
import type { Step } from './step';

const CLASSES = ['BusyProbe', 'HotStandby', 'HotStandbyCrd', 'HotStandbyDeployment', 'HotStandbyOperator'];

/** The constructs as Java and Go sources. Compiling them needs artifacts of cdk8s-plus-28 that are not had everywhere. */
export const javaAndGoSources: Step = {
  name: 'Java, Go: jsii makes sources of every public class',
  async run({ folder }) {
    const outdir = join(folder, 'sources');
    await run(tool('jsii-pacmak'), ['--targets', 'java', 'go', '--code-only', '--outdir', outdir]);
    const java = files(join(outdir, 'java'), '.java');
    const go = files(join(outdir, 'go'), '.go');
    for (const name of CLASSES) {
      assert(ends(java, `tech/paia/hotstandby/${name}.java`), `${name}.java was not made`);
      assert(ends(go, `hotstandby/${name}.go`), `${name}.go was not made`);
    }
    const adopt = (list: string[], suffix: string, call: RegExp): void => {
      const file = list.find((path) => path.endsWith(suffix));
      assert.match(file === undefined ? '' : readFileSync(file, 'utf8'), call);
    };
    adopt(java, '/HotStandby.java', /HotStandby fromDeployment\(/);
    adopt(go, '/HotStandby.go', /func HotStandby_FromDeployment\(/);
    return `${java.length} Java and ${go.length} Go files`;
  },
};

function files(folder: string, extension: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(extension))
    .map((file) => join(folder, file));
}

function ends(list: readonly string[], suffix: string): boolean {
  return list.some((file) => file.endsWith(suffix));
}
