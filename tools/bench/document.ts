/** docs/benchmarks.md has two writers: the benchmarks write all of it but one section, the soak that one. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../../root';

export const DOCUMENT = join(ROOT, 'docs/benchmarks.md');
const SOAK = '## Soak';

/** Replaces all but the soak's section. */
export function writeBenchmarks(markdown: string): void {
  write(withSoak(markdown, soakOf(read())));
}

/** Replaces the soak's section alone. */
export function writeSoak(section: string): void {
  write(withSoak(read() || '# Benchmarks\n', section));
}

/** The soak's section of a document; empty: it has none. */
export function soakOf(markdown: string): string {
  const [, found = ''] = markdown.split(`\n${SOAK}\n\n`);
  const [section = ''] = found.split('\n## ');
  return section.trim();
}

/** The document with `section` as its soak's section, at its end; an empty one takes it away. */
export function withSoak(markdown: string, section: string): string {
  const [before = '', found = ''] = markdown.split(`\n${SOAK}\n\n`);
  const after = found.includes('\n## ') ? found.slice(found.indexOf('\n## ') + 1) : '';
  const others = [before, after].map((part) => part.trim()).filter((part) => part !== '');
  return `${[...others, ...(section === '' ? [] : [`${SOAK}\n\n${section.trim()}`])].join('\n\n')}\n`;
}

function read(): string {
  return existsSync(DOCUMENT) ? readFileSync(DOCUMENT, 'utf8') : '';
}

function write(markdown: string): void {
  mkdirSync(dirname(DOCUMENT), { recursive: true });
  writeFileSync(DOCUMENT, markdown);
}
