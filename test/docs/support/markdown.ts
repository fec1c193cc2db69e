import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../root';

/** A fenced code block. */
export interface Block {
  /** Path of the document from the repository's root. */
  readonly document: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** Without the indentation of the fence. */
  readonly text: string;
}

/** Every document whose commands, manifests and links are tested; examples/README.md has tests of its own. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md') && file !== 'api.md')
    .map((file) => `docs/${file}`)
    .sort(),
];

export function read(document: string): string {
  return readFileSync(join(ROOT, document), 'utf8');
}

const FENCE = /^( *)```(\w*)\n([\s\S]*?)^\1```$/gm;

/** Code blocks of a document, in its order. */
export function blocksOf(document: string): Block[] {
  const source = read(document);
  return [...source.matchAll(FENCE)].map(({ index, 1: indent = '', 2: language = '', 3: text = '' }) => ({
    document,
    line: source.slice(0, index).split('\n').length,
    language,
    text: text.replace(new RegExp(`^${indent}`, 'gm'), ''),
  }));
}

/** A document without its code blocks, where links and headings are. */
function prose(document: string): string {
  return read(document).replace(FENCE, '');
}

/** Anchors GitHub makes of the headings of a document. */
export function anchorsOf(document: string): Set<string> {
  const headings = [...prose(document).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(headings.map(anchor));
}

/** Lower case, no punctuation but hyphens and underscores, hyphens for spaces; of a link only its text. */
function anchor(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** Targets of the links and images of a document. */
export function linksOf(document: string): string[] {
  return [...prose(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
}

/** The commands of a shell block: one a line, but for lines that go on. */
export function commandsOf({ text }: Pick<Block, 'text'>): string[] {
  const commands: string[] = [];
  let open = '';
  for (const line of text.trimEnd().split('\n')) {
    open = open === '' ? line : `${open}\n${line}`;
    if (goesOn(open)) continue;
    if (open.trim() !== '') commands.push(open);
    open = '';
  }
  return open === '' ? commands : [...commands, open];
}

function goesOn(command: string): boolean {
  const count = (word: RegExp): number => command.match(word)?.length ?? 0;
  return /(\\|&&|\|)$/.test(command) || count(/\bcase\b/g) > count(/\besac\b/g);
}
