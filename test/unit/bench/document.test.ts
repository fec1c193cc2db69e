import { soakOf, withSoak } from '../../../tools/bench/document';

const page = '# Benchmarks\n\ntext\n\n## Goals\n\ntable\n';

test('the section of the soak goes to the end of the document, and is found there', () => {
  const document = withSoak(page, 'it held');
  expect(document).toBe(`${page}\n## Soak\n\nit held\n`);
  expect(soakOf(document)).toBe('it held');
});

test('a new one takes the place of the old one, whatever follows it', () => {
  const document = `${page}\n## Soak\n\nold\n\n## Others\n\nmore\n`;
  expect(withSoak(document, 'new')).toBe(`${page}\n## Others\n\nmore\n\n## Soak\n\nnew\n`);
  expect(soakOf(document)).toBe('old');
});

test('a document without a soak stays without', () => {
  expect(soakOf(page)).toBe('');
  expect(withSoak(page, '')).toBe(page);
});
