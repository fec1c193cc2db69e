import { ApiError } from '../../operator/kube/errors';
import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import { API_VERSION, KIND } from '../../src/api/names';
import { consistently, eventually } from '../../tools/base/eventually';
import { OperatorProcess } from './support/operator';
import { aSpec, Scene } from './support/scene';
import { container, DUPLICATES, NULLS } from './support/specs/templates';

jest.setTimeout(180_000);

interface Template {
  metadata: Record<string, unknown>;
  spec: { containers: Record<string, unknown>[] };
}
type Deployment = KubeObject & { spec: { template: Template } };

describe('what a Deployment takes as its Pod template', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  beforeAll(async () => {
    scene = await Scene.open('fields');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.close();
  });

  const labels = (app: string): { selector: { matchLabels: Record<string, string> } } => ({
    selector: { matchLabels: { app } },
  });
  const child = (name: string): Promise<Deployment> => scene.child(name) as unknown as Promise<Deployment>;
  const deployment = (name: string, template: object): Record<string, unknown> => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: scene.namespace },
    spec: { replicas: 0, selector: { matchLabels: { app: name } }, template },
  });

  /** What a plain Deployment would hold of this template. Throws when it takes it not. */
  async function asDeployment(name: string, template: { metadata?: object; spec: object }): Promise<Template> {
    const { labels: given, ...metadata } = (template.metadata ?? {}) as { labels?: object };
    const labelled = { ...template, metadata: { ...metadata, labels: { ...given, app: name } } };
    const path = paths.deployments.list(scene.namespace);
    const { spec } = await scene.api.create<Deployment>(path, deployment(name, labelled), { query: { dryRun: 'All' } });
    return spec.template;
  }

  const childPath = (name: string): string => paths.deployments.one(scene.namespace, `${name}-workload`);

  it.each(Object.entries(DUPLICATES))('%s: the child is made, changed, healed and mended', async (name, spec) => {
    await scene.createHsd(name, { ...labels(name), idleTarget: 1, podTemplate: { spec } as never });
    await scene.condition(name, 'Ready', 'True');
    const { spec: expected } = await asDeployment(name, { spec });
    expect((await child(name)).spec.template.spec).toEqual(expected);

    const [first] = await scene.settledAt(1, `app=${name}`);
    await scene.setBusy(first as never);
    await scene.childAt(name, 2);
    await scene.setBusy(first as never, null);
    await scene.childAt(name, 1);

    const again = { ...spec, containers: spec.containers.map((each) => ({ ...each, image: 'example.com/app:2' })) };
    await scene.patchHsd(name, { podTemplate: { spec: again } });
    await eventually(async () =>
      expect((await child(name)).spec.template.spec).toEqual((await asDeployment(name, { spec: again })).spec),
    );
    const edit = {
      spec: { template: { spec: { priorityClassName: 'system-node-critical', nodeSelector: { a: 'b' } } } },
    };
    await scene.api.mergePatch(childPath(name), edit, { query: { fieldManager: 'kubectl-edit' } });
    await eventually(async () =>
      expect((await child(name)).spec.template.spec).toEqual((await asDeployment(name, { spec: again })).spec),
    );
    await scene.status(name, { availableCount: 1, replicas: 1, detachedCount: 0 });
    await atRest(name);

    await scene.patchHsd(name, { podTemplate: { spec: { ...unset(spec), containers: [container] } } });
    await eventually(async () =>
      expect((await child(name)).spec.template.spec).toEqual(
        (await asDeployment(name, { spec: { containers: [container] } })).spec,
      ),
    );
    await scene.status(name, { availableCount: 1, replicas: 1, detachedCount: 0 });
    expect(operator.errors).toEqual([]);
  });

  async function atRest(name: string): Promise<void> {
    const version = async (): Promise<string> => (await child(name)).metadata.resourceVersion;
    const settled = await eventually(async () => {
      const before = await version();
      await consistently(async () => expect(await version()).toBe(before), 1_000);
      return before;
    });
    await consistently(async () => expect(await version()).toBe(settled), 1_000);
  }

  it('null for a field is as good as none, by create and by server-side apply', async () => {
    const refused: Record<string, string> = {};
    for (const [name, podTemplate] of Object.entries(NULLS)) {
      await asDeployment(name, podTemplate as never);
      const metadata = { name, namespace: scene.namespace };
      const spec = { ...aSpec({ ...labels(name), idleTarget: 0 }), podTemplate };
      const body = { apiVersion: API_VERSION, kind: KIND, metadata, spec };
      await scene.api.apply(paths.hsds.one(scene.namespace, name), body).catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        refused[name] = error.message;
      });
      const created = { ...body, metadata: { ...metadata, name: `${name}-created` } };
      await scene.api.create(paths.hsds.list(scene.namespace), created).catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        refused[`${name}-created`] = error.message;
      });
    }
    expect(refused).toEqual({});
    for (const name of Object.keys(NULLS)) await eventually(async () => void (await child(name)));
    expect(operator.errors).toEqual([]);
  });
});

/** Of a merge patch that goes back to containers alone. */
function unset(spec: object): Record<string, null> {
  return Object.fromEntries(Object.keys(spec).map((key) => [key, null]));
}
