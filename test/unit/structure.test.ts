import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { ROOT } from '../../root';

/** Which folder may import which: itself and what its row names, and nothing else. The first row that has a file counts. */
interface Row {
  readonly folder: string;
  readonly may: readonly string[];
  /** Absent: any. */
  readonly packages?: readonly string[];
}

const OPERATOR: readonly Row[] = [
  // Pure: hashes, comparisons and calendars, no clock, no file, no network.
  { folder: 'operator/decide', may: ['src/api'], packages: ['croner', 'node:crypto', 'node:util'] },
  { folder: 'operator/kube', may: ['src/api'] },
  { folder: 'operator/probe', may: ['operator/decide', 'operator/kube', 'src/api'] },
  { folder: 'operator/observe', may: ['operator/decide', 'operator/kube', 'operator/probe', 'src/api'] },
  { folder: 'operator/apply', may: ['operator/decide', 'operator/kube', 'operator/observe', 'src/api'] },
  { folder: 'operator/serve', may: ['operator/decide', 'operator/kube', 'operator/observe', 'src/api'] },
  {
    folder: 'operator/reconcile',
    may: [
      ...['operator/apply', 'operator/decide', 'operator/kube', 'operator/observe', 'operator/probe'],
      // It counts.
      'operator/serve/metrics',
      'src/api',
    ],
  },
  { folder: 'operator', may: ['operator', 'src/api', 'src/version'] },
];

const TOOLS: readonly Row[] = [
  { folder: 'tools/base', may: [] },
  { folder: 'tools/build', may: ['tools/base'] },
  { folder: 'tools/cluster', may: ['tools/base', 'tools/build'] },
  { folder: 'tools/release', may: ['tools/base'] },
  { folder: 'tools/generate', may: ['tools/base', 'tools/build', 'tools/release'] },
  { folder: 'tools/demo', may: ['tools/base', 'tools/build', 'tools/cluster', 'examples'] },
  { folder: 'tools/bench', may: ['tools/base', 'tools/build', 'tools/cluster'] },
].map(({ folder, may }) => ({ folder, may: [...may, 'charts', 'operator', 'src', 'root'] }));

const ROWS: readonly Row[] = [
  { folder: 'src/api', may: [], packages: [] },
  { folder: 'src', may: [], packages: ['cdk8s', 'cdk8s-plus-28', 'constructs'] },
  ...OPERATOR,
  { folder: 'charts', may: ['src', 'root'] },
  { folder: 'cli', may: ['operator/decide', 'src/api', 'src/version'] },
  { folder: 'examples', may: [] },
  ...TOOLS,
];

/** Which module of npm only one file may import. */
const ALONE: readonly (readonly [packageName: string, file: string])[] = [
  ['@kubernetes/client-node', 'operator/kube/config.ts'],
];

interface Import {
  readonly from: string;
  /** A path of the repository without its ending, or a package. */
  readonly to: string;
  readonly isPackage: boolean;
}

const IMPORT = /(?:\bfrom|\bimport|\brequire\()\s*\(?\s*'([^']+)'/g;

const files = ['src', 'operator', 'charts', 'cli', 'examples', 'tools'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/node_modules|imports\//.test(file))
    .map((file) => join(folder, file)),
);

function importsOf(from: string): Import[] {
  const text = readFileSync(join(ROOT, from), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  return [...text.matchAll(IMPORT)].map(([, target = '']) =>
    target.startsWith('.')
      ? { from, to: normalize(join(dirname(from), target)), isPackage: false }
      : { from, to: target, isPackage: true },
  );
}

const imports = files.flatMap(importsOf);
const isIn = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);
const rowOf = (file: string): Row | undefined => ROWS.find(({ folder }) => isIn(file, folder));

it('reads what the files import', () => {
  expect(imports.length).toBeGreaterThan(1_000);
  expect(files.filter((file) => rowOf(file) === undefined)).toEqual([]);
});

it.each(ROWS)('$folder imports $may alone', ({ folder, may, packages }) => {
  const ours = imports.filter(({ from }) => rowOf(from)?.folder === folder);
  expect(ours.length).toBeGreaterThan(0);
  const allowed = ({ to, isPackage }: Import): boolean => {
    if (!isPackage) return [folder, ...may].some((target) => isIn(to, target));
    return packages === undefined || packages.includes(to);
  };
  const back = ours.filter((it) => !allowed(it)).map(({ from, to }) => `${from} -> ${to}`);
  expect(back).toEqual([]);
});

it.each(ALONE)('%s is imported by %s alone', (name, file) => {
  const users = imports.filter(({ to, isPackage }) => isPackage && isIn(to, name)).map(({ from }) => from);
  expect([...new Set(users)]).toEqual([file]);
});
