import { ApiError } from '../../operator/kube/errors';
import { paths } from '../../operator/kube/paths';
import type { HsdObject } from '../../operator/observe/project';
import { API_VERSION, KIND } from '../../src/api/names';
import { kubectl, tryKubectl } from './support/kubectl';
import { aSpec, Scene } from './support/scene';
import { BAD_SPECS, type BadSpec } from './support/specs/bad';
import { GOOD_SPECS } from './support/specs/good';

jest.setTimeout(60_000);

/** No operator runs here: what is tested is what the API server itself makes of an hsd. */
describe('the API server', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open('crd');
  });
  afterAll(async () => {
    await scene?.close();
  });

  const create = (name: string, spec: Record<string, unknown>): Promise<HsdObject> =>
    scene.api.create(paths.hsds.list(scene.namespace), {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: { name, namespace: scene.namespace },
      spec: { ...aSpec(), ...spec },
    });

  async function refusal(attempt: Promise<unknown>): Promise<string> {
    try {
      await attempt;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      expect(error.code).toBe(422);
      return error.message;
    }
    throw new Error('the API server accepted it');
  }

  const run = (...args: string[]): Promise<string> => kubectl([...args, '-n', scene.namespace]);

  it.each(BAD_SPECS)('refuses $what and says what would be right', async ({ fields, name = 'bad', says }: BadSpec) => {
    expect(await refusal(create(name, fields))).toMatch(says);
  });

  it('refuses a misspelt field that kubectl applies', async () => {
    const manifest = {
      apiVersion: API_VERSION,
      kind: KIND,
      metadata: { name: 'typo' },
      spec: { ...aSpec(), idelTarget: 3 },
    };
    const { code, stderr } = await tryKubectl(['apply', '-n', scene.namespace, '-f', '-'], {
      input: JSON.stringify(manifest),
    });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/unknown field "spec\.idelTarget"/);
  });

  it.each(GOOD_SPECS)('accepts $what, fills in the defaults and loses nothing', async ({ what, given, stored }) => {
    const name = what.replaceAll(' ', '-').toLowerCase();
    const made = await create(name, given);
    const read = await scene.hsd(name);
    expect(read.spec).toEqual({ ...aSpec(), ...stored });
    expect(read.spec).toEqual(made.spec);
  });

  it('accepts a name of 63 characters and of several parts', async () => {
    for (const name of ['x'.repeat(63), 'rooms.eu-1']) {
      expect((await create(name, {})).metadata.name).toBe(name);
    }
  });

  it('says before the first status that nobody has looked at the spec yet', async () => {
    const { status, metadata } = await create('unseen', {});
    expect(status).toEqual({ observedGeneration: -1 });
    expect(metadata.generation).toBe(1);
  });

  it('refuses changes that could not be carried out, and names both values', async () => {
    await create('change', { minReplicas: 2, maxReplicas: 4 });
    const cases: [Record<string, unknown>, RegExp][] = [
      [
        { selector: { matchLabels: { app: 'other' } } },
        /selector\.matchLabels cannot change after creation .* another name/,
      ],
      [{ selector: { matchLabels: { tier: 'more' } } }, /selector\.matchLabels cannot change after creation/],
      [{ maxReplicas: 1 }, /maxReplicas \(1\) must not be less than minReplicas \(2\): raise maxReplicas or lower/],
      [{ minReplicas: 5 }, /maxReplicas \(4\) must not be less than minReplicas \(5\)/],
      [{ idleTarget: -1 }, /spec\.idleTarget: Invalid value: -1: .*greater than or equal to 0/],
      [{ busyProbe: { http: { path: 'busy' } } }, /path must start with "\/": got "busy", write "\/busy"/],
    ];
    for (const [spec, says] of cases) expect(await refusal(scene.patchHsd('change', spec))).toMatch(says);
    const { spec } = await scene.patchHsd('change', { idleTarget: 7, minReplicas: 3, maxReplicas: 9 });
    expect(spec).toMatchObject({ idleTarget: 7, minReplicas: 3, maxReplicas: 9 });
  });

  it('keeps spec and status apart: neither writer can change the other half', async () => {
    await create('halves', { idleTarget: 1 });
    const path = paths.hsds.one(scene.namespace, 'halves');
    const bySpec = await scene.api.mergePatch<HsdObject>(path, { spec: { idleTarget: 2 }, status: { busyCount: 9 } });
    expect(bySpec).toMatchObject({ spec: { idleTarget: 2 }, metadata: { generation: 2 } });
    expect(bySpec.status?.busyCount).toBeUndefined();
    const byStatus = await scene.api.mergePatch<HsdObject>(paths.hsds.one(scene.namespace, 'halves', 'status'), {
      spec: { idleTarget: 8 },
      status: { busyCount: 4, observedGeneration: 2 },
    });
    expect(byStatus).toMatchObject({ spec: { idleTarget: 2 }, status: { busyCount: 4 }, metadata: { generation: 2 } });
  });

  it('is what kubectl needs to list, scale and explain', async () => {
    await create('cli', { idleTarget: 3 });
    const status = {
      ...{ observedGeneration: 1, availableCount: 2, busyCount: 7, desiredReplicas: 10, replicas: 9 },
      ...{ startingCount: 1, drainingCount: 5, detachedCount: 6, selector: 'app=rooms' },
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Ready', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    };
    await scene.api.mergePatch(paths.hsds.one(scene.namespace, 'cli', 'status'), { status });
    const cells = (table: string): string[][] =>
      table
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/\s{2,}/));
    expect(cells(await run('get', 'hsd', 'cli'))).toEqual([
      ['NAME', 'TARGET', 'AVAILABLE', 'BUSY', 'DESIRED', 'READY', 'AGE'],
      ['cli', '3', '2', '7', '10', 'True', expect.stringMatching(/^\d+s$/)],
    ]);
    const [header = [], row = []] = cells(await run('get', 'hotstandbydeployment', 'cli', '-o', 'wide'));
    expect(header.slice(7)).toEqual(['STARTING', 'DRAINING', 'DETACHED', 'MODE']);
    expect(row.slice(7)).toEqual(['1', '5', '6', 'annotation']);
    expect(await run('get', 'all')).toMatch(/hotstandbydeployment\.apps\.paia\.tech\/cli/);

    await run('scale', 'hsd', 'cli', '--replicas=5');
    expect((await scene.hsd('cli')).spec.idleTarget).toBe(5);
    expect(await scene.api.get(paths.hsds.one(scene.namespace, 'cli', 'scale'))).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 5 },
      status: { replicas: 9, selector: 'app=rooms' },
    });
    const refused = await tryKubectl(['scale', 'hsd', 'cli', '--replicas=1000001', '-n', scene.namespace]);
    expect(refused.stderr).toMatch(/spec\.idleTarget.*less than or equal to 1000000/);
  });

  it.each([
    ['hsd', /constant number of idle Pods.*a busy Pod is never ended/],
    ['hsd.spec', /idleTarget.*-required-.*podTemplate.*-required-.*selector.*-required-/],
    ['hsd.spec.maxReplicas', /Most Pods to hold\. No limit when absent/],
    ['hsd.spec.busyProbe.mode', /annotation.*http.*the Pod is busy by what an HTTP probe answers/],
    ['hsd.spec.busyProbe.http.port', /<integer>.*Port to probe, 1 to 65535/],
    ['hsd.spec.podTemplate.spec.containers.ports.containerPort', /<integer>.*Port number, 1 to 65535/],
    ['hsd.status.availableCount', /Ready, not busy, not draining/],
  ])('explains %s', async (path, says) => {
    expect((await kubectl(['explain', path])).replace(/\s+/g, ' ')).toMatch(says);
  });
});
