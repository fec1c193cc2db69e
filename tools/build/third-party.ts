/** The licences of what the operator's bundle contains. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../root';
import type { BundledPackage } from './bundled-packages';

/** Licences whose terms are kept by passing on their text, which THIRD-PARTY.txt does. */
const ALLOWED_LICENSES: readonly string[] = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

/** Throws one line that names each package whose licence is not on the list. */
export function checkLicenses(packages: readonly BundledPackage[]): void {
  const others = packages.filter(({ license }) => !isAllowed(license));
  if (others.length === 0) return;
  const named = others.map(({ name, version, license }) => `${name}@${version} (${license})`).join(', ');
  throw new Error(`licences not allowed in the operator: ${named}; allowed are ${ALLOWED_LICENSES.join(', ')}`);
}

/** Any one of "A OR B", every one of "A AND B". */
function isAllowed(expression: string): boolean {
  const plain = expression.replace(/[()]/g, '');
  return plain.split(' OR ').some((all) => all.split(' AND ').every((id) => ALLOWED_LICENSES.includes(id.trim())));
}

/**
 * The text of every licence and notice, to be passed on with the bundle.
 *
 * @param comments licence comments esbuild found in the code itself
 */
export function thirdPartyNotices(packages: readonly BundledPackage[], comments: string): string {
  const parts = packages.map((it) => [`${it.name} ${it.version} (${it.license})`, ...textsOf(it)].join('\n\n'));
  const head = 'The HotStandby operator contains the following software, under the licences given with each.';
  return `${[head, ...parts, `Comments in the code\n\n${comments.trim()}`].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

function textsOf({ folder, name }: BundledPackage): string[] {
  const files = readdirSync(join(ROOT, folder)).filter((file) =>
    /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i.test(file),
  );
  if (!files.some((file) => !/^notice/i.test(file))) throw new Error(`${name} comes without the text of its licence`);
  return files.sort().map((file) => readFileSync(join(ROOT, folder, file), 'utf8').trim());
}
