import { Yaml } from 'cdk8s';
import { crdManifest } from '../../src/api/crd';
import { at } from './support';

const crd = crdManifest();
const [version] = crd.spec.versions;
const schema = version.schema.openAPIV3Schema;

/** Every property of a schema, with its dotted path. */
function* properties(node: unknown, path = ''): Generator<[string, Record<string, unknown>]> {
  for (const [name, child] of Object.entries(at(node, 'properties') ?? {})) {
    const childPath = path === '' ? name : `${path}.${name}`;
    yield [childPath, child];
    yield* properties(child, childPath);
    yield* properties(at(child, 'items'), `${childPath}[]`);
  }
}

describe('the CustomResourceDefinition', () => {
  test('answers to the names users and Git rely on', () => {
    expect(crd.metadata.name).toBe('hotstandbydeployments.apps.paia.tech');
    expect(crd.spec.group).toBe('apps.paia.tech');
    expect(crd.spec.scope).toBe('Namespaced');
    expect(crd.spec.names).toEqual({
      kind: 'HotStandbyDeployment',
      listKind: 'HotStandbyDeploymentList',
      plural: 'hotstandbydeployments',
      singular: 'hotstandbydeployment',
      shortNames: ['hsd'],
      categories: ['all'],
    });
    expect(crd.spec.versions.map(({ name, served, storage }) => ({ name, served, storage }))).toEqual([
      { name: 'v1alpha1', served: true, storage: true },
    ]);
  });

  test('has a status and a scale subresource', () => {
    expect(version.subresources).toEqual({
      status: {},
      scale: {
        specReplicasPath: '.spec.idleTarget',
        statusReplicasPath: '.status.replicas',
        labelSelectorPath: '.status.selector',
      },
    });
  });

  test('shows the everyday columns always and the rest with -o wide', () => {
    const columns = version.additionalPrinterColumns;
    const named = (wide: boolean) => columns.filter((c) => 'priority' in c === wide).map((c) => c.name);
    expect(named(false)).toEqual(['Target', 'Available', 'Busy', 'Desired', 'Ready', 'Age']);
    expect(named(true)).toEqual(['Starting', 'Draining', 'Detached', 'Mode']);
  });

  test('reads its columns and subresources from fields that exist', () => {
    const known = new Set([...properties(schema)].map(([path]) => `.${path}`));
    const { scale } = version.subresources;
    const paths = [
      ...version.additionalPrinterColumns.map((column) => column.jsonPath.replace(/\[\?.*$/, '')),
      ...Object.values(scale),
    ].filter((path) => path !== '.metadata.creationTimestamp');
    expect(paths.filter((path) => !known.has(path))).toEqual([]);
    expect(paths).toHaveLength(12);
  });

  test.each([
    ['spec.minReplicas', 0],
    ['spec.busyProbe.mode', 'annotation'],
    ['spec.busyProbe.annotationKey', 'paia.tech/busy'],
    ['spec.busyProbe.http.port', 8080],
    ['spec.busyProbe.http.path', '/busy'],
    ['spec.busyProbe.http.successIsBusy', true],
    ['spec.busyProbe.http.timeoutSeconds', 1],
    ['spec.busyProbe.http.periodSeconds', 10],
  ])('keeps the default of the original operator for %s', (path, value) => {
    expect(new Map(properties(schema)).get(path)?.default).toEqual(value);
  });

  test('asks for the three fields the original operator asked for', () => {
    expect(schema.properties.spec.required).toEqual(['idleTarget', 'selector', 'podTemplate']);
  });

  test('explains every field', () => {
    const silent = [...properties(schema)].filter(([, p]) => typeof p.description !== 'string' || p.description === '');
    expect(silent.map(([path]) => path)).toEqual(['metadata']);
  });

  test('keeps unknown fields at every level of the Pod template and nowhere else', () => {
    const objects = [...properties(schema)].filter(([, p]) => 'properties' in p || 'properties' in Object(p.items));
    const keeps = (p: Record<string, unknown>) =>
      at(p, 'x-kubernetes-preserve-unknown-fields') ?? at(p, 'items', 'x-kubernetes-preserve-unknown-fields') ?? false;
    const wrong = objects.filter(([path, p]) => keeps(p) !== path.startsWith('spec.podTemplate'));
    expect(wrong.map(([path]) => path)).toEqual([]);
    expect(objects.length).toBeGreaterThan(10);
  });

  test('formats the values of its messages, since CEL cannot price a concatenated number', () => {
    const rules = JSON.stringify(crd);
    expect(rules).not.toMatch(/\+ string\(/);
  });

  test('stays far below the 262,144 bytes of client-side apply', () => {
    expect(Buffer.byteLength(Yaml.stringify(crd))).toBeLessThan(200_000);
  });

  test('is a fresh copy each time', () => {
    const copy = crdManifest();
    expect(copy).not.toBe(crdManifest());
    expect(copy).toEqual(crdManifest());
  });
});
