import { paths } from '../../operator/kube/paths';
import type { KubeObject } from '../../operator/kube/types';
import { eventually } from '../../tools/base/eventually';
import { OperatorProcess } from './support/operator';
import { Scene } from './support/scene';
import { richPodTemplate } from './support/specs/good';

jest.setTimeout(60_000);

interface Template {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  spec: Record<string, unknown> & { containers: Record<string, unknown>[] };
}

describe('what a podTemplate becomes', () => {
  let scene: Scene;
  let operator: OperatorProcess;
  beforeAll(async () => {
    scene = await Scene.open('template');
    operator = await OperatorProcess.start({ namespace: scene.namespace });
  });
  afterAll(async () => {
    await operator?.stop();
    await scene?.close();
  });

  it('every field, label and annotation reaches the child and its Pods; the selector wins over labels', async () => {
    const podTemplate = structuredClone(richPodTemplate);
    podTemplate.metadata.labels.app = 'another';
    await scene.createHsd('rich', { idleTarget: 1, selector: { matchLabels: { app: 'rich' } }, podTemplate });
    const [pod] = await scene.settledAt(1, 'app=rich,team=blue');
    const child = (await scene.child('rich')) as unknown as KubeObject & { spec: { template: Template } };
    const { template } = child.spec;
    expect(template.metadata.labels).toMatchObject({ app: 'rich', team: 'blue' });
    expect(template.metadata.annotations).toMatchObject(richPodTemplate.metadata.annotations);
    // A Deployment stores quantities as text.
    const resources = { requests: { cpu: '1', memory: '64Mi' }, limits: { memory: '128Mi' } };
    const containers = richPodTemplate.spec.containers.map((container) => ({ ...container, resources }));
    expect(template.spec).toMatchObject({ ...richPodTemplate.spec, containers });
    expect(pod?.metadata.annotations).toMatchObject(richPodTemplate.metadata.annotations);
  });

  it('a field that this Kubernetes does not know is left out, as a plain create would, and people are told', async () => {
    const container = { name: 'app', image: 'example.com/app:1' };
    await scene.createHsd('newer', {
      idleTarget: 1,
      selector: { matchLabels: { app: 'newer' } },
      podTemplate: { spec: { futureField: true, containers: [container] } } as never,
    });
    await scene.settledAt(1, 'app=newer');
    await scene.condition('newer', 'Ready', 'True');
    const warning = await eventually(async () => {
      const event = (await scene.events('newer')).find(({ reason }) => reason === 'UnknownFields');
      expect(event?.type).toBe('Warning');
      return event;
    });
    expect(warning?.note).toMatch(/\.spec\.template\.spec\.futureField: field not declared in schema/);
    expect((await scene.hsd('newer')).spec.podTemplate).toMatchObject({ spec: { futureField: true } });
    expect(operator.errors).toEqual([]);
  });

  it('a field of the wrong type stops it, in the words of the API server, until it is mended', async () => {
    const container = { name: 'app', image: 'example.com/app:1', tty: 'yes' };
    await scene.createHsd('wrong', {
      idleTarget: 1,
      selector: { matchLabels: { app: 'wrong' } },
      podTemplate: { spec: { containers: [container] } } as never,
    });
    const stalled = await scene.condition('wrong', 'Stalled', 'True');
    expect(stalled.message).toMatch(/tty/);
    expect(await scene.exists(paths.deployments.one(scene.namespace, 'wrong-workload'))).toBe(false);
    await scene.patchHsd('wrong', { podTemplate: { spec: { containers: [{ ...container, tty: true }] } } });
    await scene.settledAt(1, 'app=wrong');
    await scene.condition('wrong', 'Stalled', 'False');
  });
});
