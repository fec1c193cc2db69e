import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '../../..');

/** A user's cdk8s app in a folder of its own, with what `npm install` would bring it from this repository. */
export class AppFolder {
  readonly path: string;

  constructor(name: string) {
    this.path = mkdtempSync(join(tmpdir(), `hotstandby-${name}-`));
  }

  /** The repository's own packages by these names, and the library from its sources. */
  install(packages: readonly string[]): void {
    const modules = join(this.path, 'node_modules');
    const library = join(modules, 'hotstandby');
    mkdirSync(library, { recursive: true });
    writeFileSync(join(library, 'index.ts'), `export * from ${JSON.stringify(join(ROOT, 'src/index'))};\n`);
    for (const name of packages) {
      if (name === 'hotstandby') continue;
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    }
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
