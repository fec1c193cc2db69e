import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { CUSTOMIZED } from '../../charts/gitops/argocd';
import { CONFIG } from './support/argocd';
import { type LuaRequest, runLua } from './support/lua';

const load = (...path: string[]): unknown => parse(readFileSync(join(CUSTOMIZED, ...path), 'utf8'));

interface HealthTests {
  tests: { inputPath: string; healthStatus: { status: string; message: string } }[];
}

interface ActionTests {
  discoveryTests: { inputPath: string; result: { name: string }[] }[];
  actionTests: { action: string; inputPath: string; expectedOutputPath: string }[];
}

interface Impact {
  operation: string;
  resource: object;
}

const health = load('health_test.yaml') as HealthTests;
const actions = load('actions', 'action_test.yaml') as ActionTests;

/** What the test files of Argo CD's repository do for the scripts in it, done here for those in synth/argocd. */
describe('the customizations in synth/argocd/argocd-cm.yaml, run by Argo CD', () => {
  it('gives the health that health_test.yaml expects', async () => {
    const requests = health.tests.map(({ inputPath }): LuaRequest => ({ run: 'health', object: load(inputPath) }));
    expect(await runLua(CONFIG, requests)).toEqual(health.tests.map(({ healthStatus }) => healthStatus));
  });

  it('offers the actions that action_test.yaml expects', async () => {
    const object = (path: string): unknown => load('actions', path);
    const requests = actions.discoveryTests.map(
      ({ inputPath }): LuaRequest => ({ run: 'discovery', object: object(inputPath) }),
    );
    const byName = (a: { name: string }, b: { name: string }): number => a.name.localeCompare(b.name);
    const results = (await runLua(CONFIG, requests)) as { name: string }[][];
    const expected = actions.discoveryTests.map(({ result }) => result.sort(byName));
    expect(results.map((each) => each.sort(byName))).toMatchObject(expected);
  });

  it('changes by its actions what action_test.yaml expects', async () => {
    const requests = actions.actionTests.map(
      ({ action, inputPath }): LuaRequest => ({ run: 'action', action, object: load('actions', inputPath) }),
    );
    const results = (await runLua(CONFIG, requests)) as Impact[][];
    const expected = actions.actionTests.map(({ expectedOutputPath }) => [
      { operation: 'patch', resource: load('actions', expectedOutputPath) },
    ]);
    expect(results.map((impacts) => impacts.map(withoutTime))).toEqual(expected);
  });
});

/** The time of a restart is that of the run. */
function withoutTime({ operation, resource }: Impact): Impact {
  const text = JSON.stringify(resource).replace(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"/, '"0001-01-01T00:00:00Z"');
  return { operation, resource: JSON.parse(text) as object };
}
