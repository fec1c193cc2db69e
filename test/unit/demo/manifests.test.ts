import { announce } from '../../../tools/demo/external';
import { DEMO_NAMESPACE, demoApps, TEMPLATE_ANNOTATION } from '../../../tools/demo/manifests';

const IMAGE = 'registry.example.com/pause:1';

type Hsd = {
  kind: string;
  spec: {
    podTemplate: {
      metadata: { annotations: Record<string, string> };
      spec: { containers: { image: string; readinessProbe?: unknown }[] };
    };
  };
};

const templateOf = (kind: 'kwok' | 'real' | 'external', name: string): Hsd['spec']['podTemplate'] => {
  const app = demoApps(kind, IMAGE).find((each) => each.name === name);
  const hsd = app?.objects.find((object) => object.kind === 'HotStandbyDeployment') as unknown as Hsd;
  return hsd.spec.podTemplate;
};

test.each([
  ['kwok', [['rooms', 'annotation']]],
  [
    'real',
    [
      ['rooms', 'app'],
      ['sandboxes', 'app'],
    ],
  ],
  ['external', [['rooms', 'annotation']]],
] as const)('on %s the right apps run, and sessions begin where an app is', (kind, expected) => {
  expect(demoApps(kind, IMAGE).map(({ name, sessions }) => [name, sessions])).toEqual(expected);
});

test.each(['kwok', 'real', 'external'] as const)('on %s every object goes into the demo namespace', (kind) => {
  const namespaces = demoApps(kind, IMAGE).flatMap(({ objects }) => objects.map(({ metadata }) => metadata.namespace));
  expect(new Set(namespaces)).toEqual(new Set([DEMO_NAMESPACE]));
});

test('on real nodes the Pods run the images of the examples, probes and all', () => {
  const [container] = templateOf('real', 'sandboxes').spec.containers;
  expect(container).toMatchObject({ image: 'hotstandby.local/sandboxes:1', readinessProbe: expect.anything() });
});

test("in somebody's cluster they run an image it can pull, which answers no probe", () => {
  const [container] = templateOf('external', 'rooms').spec.containers;
  expect(container?.image).toBe(IMAGE);
  expect(container?.readinessProbe).toBeUndefined();
});

test('the first template is number 1', () => {
  expect(templateOf('kwok', 'rooms').metadata.annotations[TEMPLATE_ANNOTATION]).toBe('1');
});

test('the announcement names the cluster, the image and every kind of object that is missing', () => {
  const object = (kind: string, name: string) => ({ apiVersion: 'v1', kind, metadata: { name } });
  const missing = [object('ClusterRole', 'a'), object('ClusterRole', 'b'), object('Namespace', 'c')];
  const lines = announce({ missing, hasOperator: false }, 'https://there', IMAGE).join('\n');
  expect(lines).toMatch(/https:\/\/there/);
  expect(lines).toMatch(new RegExp(IMAGE));
  expect(lines).toMatch(/2 ClusterRoles, Namespace/);
  expect(lines).toMatch(/process of this machine/);
  expect(announce({ missing: [], hasOperator: true }, 'https://there', IMAGE).join('\n')).toMatch(
    /nothing of synth\/.*\n.*operator that is installed/,
  );
});
