import { CONDITION_REASONS, EVENT_REASONS } from '../../operator/decide/reasons';
import { MARKS } from '../../src/api/marks';
import * as names from '../../src/api/names';
import { filled, REFERENCE_DOCS } from '../../tools/generate/reference-docs';
import { DOCUMENTS, read } from './support/markdown';

it.each(REFERENCE_DOCS)('%s says what the code says now (else: npm run generate)', async (file) => {
  expect(await filled(file)).toBe(read(file));
});

describe('the documentation', () => {
  const pages = ['reference', 'troubleshooting', 'client-protocol'].map((page) => read(`docs/${page}.md`)).join('\n');
  // A plan's own words are for logs and metrics.
  const reasons = new Set<string>([...CONDITION_REASONS, ...EVENT_REASONS]);

  it.each([...reasons])('explains the reason %s', (reason) => {
    expect(pages.includes(`\`${reason}\``)).toBe(true);
  });

  it.each([
    names.NAME_LABEL,
    names.STATE_LABEL,
    names.DEFAULT_BUSY_ANNOTATION,
    ...Object.keys(MARKS.busy),
    names.ANNOTATOR_LABEL,
  ])('names %s', (key) => {
    expect(pages).toContain(key);
  });
});

it.each(['README.md', 'CONTRIBUTING.md'])('%s asks for the Node.js that package.json asks for', (document) => {
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  const [, asked] = /Node\.js (\S+) or newer/.exec(read(document)) ?? [];
  expect(`>=${asked}`).toBe(engines.node);
});

it('says nothing of the version but what package.json says', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const mentioned = DOCUMENTS.filter((document) => document !== 'CHANGELOG.md').flatMap(
    (document) => read(document).match(/synth\/v[\d.]+\d/g) ?? [],
  );
  expect(new Set(mentioned)).toEqual(new Set([`synth/v${version}`]));
});
