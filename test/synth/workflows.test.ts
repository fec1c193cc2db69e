import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../../root';

const folder = '.github/workflows';

interface Step {
  name?: string;
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Job {
  'runs-on': string;
  'timeout-minutes'?: number;
  needs?: string | string[];
  permissions?: Record<string, string>;
  steps: Step[];
}
interface Workflow {
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const files = readdirSync(join(ROOT, folder));
const text = (file: string): string => readFileSync(join(ROOT, folder, file), 'utf8');
const workflow = (file: string): Workflow => parse(text(file)) as Workflow;
const jobs = files.flatMap((file) =>
  Object.entries(workflow(file).jobs).map(([id, job]) => ({ id: `${file} ${id}`, file, job })),
);
const scripts = jobs.flatMap(({ id, job }) =>
  job.steps.flatMap(({ run }, index) => (run === undefined ? [] : [{ where: `${id}, step ${index + 1}`, run }])),
);

/** Everything a workflow may do besides reading the repository: who adds a right adds it here, too. */
const WRITES: Readonly<Record<string, readonly string[]>> = {
  'release.yml image': ['attestations', 'id-token', 'packages'],
  'release.yml chart': ['id-token', 'packages'],
  'release.yml release': ['contents', 'id-token'],
  'release.yml npm': ['id-token'],
};

test('are the four there are', () => {
  expect(files.sort()).toEqual(['audit.yml', 'ci.yml', 'nightly.yml', 'release.yml']);
});

describe.each(files)('%s', (file) => {
  test('takes every action by the digest of its commit, and says which version that is', () => {
    const uses = text(file).match(/uses:.*$/gm) ?? [];
    expect(uses.length).toBeGreaterThan(0);
    expect(uses.filter((line) => !/^uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual([]);
  });

  test('grants nothing by default', () => {
    expect(workflow(file).permissions).toEqual({});
  });

  test('is never run with our rights for the code of others', () => {
    expect(Object.keys(workflow(file).on)).not.toContain('pull_request_target');
    expect(Object.keys(workflow(file).on)).not.toContain('workflow_run');
  });
});

test('use one digest an action', () => {
  const digests = new Map<string, Set<string>>();
  for (const [, action = '', digest = ''] of files.flatMap((file) => [...text(file).matchAll(/uses: (\S+)@(\S+)/g)])) {
    digests.set(action, (digests.get(action) ?? new Set()).add(digest));
  }
  expect([...digests].filter(([, { size }]) => size > 1)).toEqual([]);
});

describe.each(jobs)('$id', ({ id, job }) => {
  test('may do what the table says and no more', () => {
    const { permissions = {} } = job;
    expect(Object.values(permissions).filter((right) => right !== 'read' && right !== 'write')).toEqual([]);
    const writes = Object.keys(permissions).filter((name) => permissions[name] === 'write');
    expect(writes.sort()).toEqual([...(WRITES[id] ?? [])]);
    expect(Object.keys(permissions)).toContain('contents');
  });

  test('ends, on a machine whose version is known, without a token left in its checkout', () => {
    expect(job['timeout-minutes']).toBeLessThanOrEqual(120);
    expect(job['runs-on']).toBe('ubuntu-24.04');
    const checkouts = job.steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    expect(checkouts.map((step) => step.with?.['persist-credentials'])).toEqual(checkouts.map(() => false));
  });
});

describe.each(scripts)('the script of $where', ({ run }) => {
  test('is shell that parses, and takes what others may choose from the environment alone', () => {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: run, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(run).not.toContain('${{');
  });

  test('names files there are', () => {
    const named = run.match(/(?<![\w$"./])(?:scripts|synth|operator)\/[\w./-]*\w/g) ?? [];
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe('release.yml', () => {
  const { jobs: release } = workflow('release.yml');

  test('publishes nothing before the tag has been checked', () => {
    const first = (id: string): string => {
      const needs = [release[id]?.needs ?? []].flat();
      return needs[0] === undefined ? id : first(needs[0]);
    };
    expect(Object.keys(release).map(first)).toEqual(Object.keys(release).map(() => 'check'));
  });

  test('signs by digest, never by tag', () => {
    const signed = scripts.flatMap(({ run }) => run.match(/cosign (?:sign|attest) .*$/gm) ?? []);
    expect(signed.length).toBeGreaterThanOrEqual(3);
    expect(signed.filter((line) => !/@\$(DIGEST|digest)"$/.test(line))).toEqual([]);
  });
});
