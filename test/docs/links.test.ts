import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { ROOT } from '../../root';
import { anchorsOf, DOCUMENTS, linksOf } from './support/markdown';

const links = DOCUMENTS.flatMap((document) =>
  linksOf(document)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => ({ document, target })),
);

it('finds the links of the README', () => {
  expect(links.filter(({ document }) => document === 'README.md').length).toBeGreaterThan(20);
});

it.each(links)('$document links to $target, which exists', ({ document, target }) => {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? document : normalize(join(dirname(document), path));
  expect(existsSync(join(ROOT, file))).toBe(true);
  if (anchor !== undefined) expect([...anchorsOf(file)]).toContain(anchor);
});
