import { MARKS } from '../../src/api/marks';
import * as names from '../../src/api/names';
import { filled, REFERENCE_DOCS } from '../../tools/generate/reference-docs';
import { DOCUMENTS, read } from './support/markdown';

it.each(REFERENCE_DOCS)('%s says what the code says now (else: npm run generate)', async (file) => {
  expect(await filled(file)).toBe(read(file));
});

/** Capitalized words of these sources that no condition and no Event has as its reason. */
const OTHER_WORDS = [
  'All',
  'Ignore',
  ...['True', 'False', 'Unknown', 'Normal', 'Warning'],
  // What a plan did, for metrics and logs; the action of an Event.
  ...[
    'Apply',
    'ChildDeleting',
    'Create',
    'Deleting',
    'EndSession',
    'Error',
    'Expired',
    'Mark',
    'Outdated',
    'Reconcile',
    'Release',
    'Scale',
    'Settled',
  ],
  ...[
    'Background',
    'ChildRefused',
    'Drain',
    'IfHealthyBudget',
    'NamespaceTerminating',
    'NotLeading',
    'Orphan',
    'PodDisruptionBudget',
  ],
];

describe('the documentation', () => {
  const pages = ['reference', 'troubleshooting', 'client-protocol'].map((page) => read(`docs/${page}.md`)).join('\n');
  const decide = ['capacity', 'conditions', 'decide', 'deletion', 'events', 'readiness', 'status'];
  const sources = [
    ...decide.map((name) => `operator/decide/${name}.ts`),
    ...['apply', 'budget'].map((name) => `operator/apply/${name}.ts`),
    'operator/reconcile/reconciler.ts',
  ];
  const words = sources.flatMap((file) => read(file).match(/(?<=')[A-Z][A-Za-z]+(?=')/g) ?? []);
  const reasons = [...new Set(words)].filter((word) => !OTHER_WORDS.includes(word));

  it('is held against the reasons of the code', () => {
    expect(reasons).toEqual(expect.arrayContaining(['Accepted', 'ChildConflict', 'ScaledUp', 'TooManyReplicas']));
  });

  it.each(reasons)('explains the reason %s', (reason) => {
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

it('says nothing of the version but what package.json says', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const mentioned = DOCUMENTS.filter((document) => document !== 'CHANGELOG.md').flatMap(
    (document) => read(document).match(/synth\/v[\d.]+\d/g) ?? [],
  );
  expect(new Set(mentioned)).toEqual(new Set([`synth/v${version}`]));
});
