import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ROOT } from '../../../root';
import { linkPackages } from '../../../tools/build/app-packages';

/** A user's cdk8s app in a folder of its own, with what `npm install` would bring it from this repository. */
export class AppFolder {
  readonly path: string;

  constructor(name: string) {
    this.path = mkdtempSync(join(tmpdir(), `hotstandby-${name}-`));
  }

  /** The repository's own packages by these names, and the library from its sources. */
  install(packages: readonly string[]): void {
    linkPackages(join(this.path, 'node_modules'), packages);
  }

  save(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  /** Runs a program of node_modules/.bin or of the machine in the folder; returns its output, throws when it fails. */
  run(program: string, ...args: string[]): string {
    return execFileSync(program, args, {
      cwd: this.path,
      encoding: 'utf8',
      env: { ...process.env, PATH: [join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter) },
    });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
