import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../../root';

/** Fills a folder `node_modules` as `npm install` would: this repository's own packages by these names, and the library from its sources. */
export function linkPackages(modules: string, names: readonly string[]): void {
  const library = join(modules, 'hotstandby');
  mkdirSync(library, { recursive: true });
  writeFileSync(join(library, 'index.ts'), `export * from ${JSON.stringify(join(ROOT, 'src/index'))};\n`);
  for (const name of names) {
    if (name === 'hotstandby') continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
}
