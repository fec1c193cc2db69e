import fc from 'fast-check';
import { decide } from '../../../operator/decide/decide';
import { childManifest, ownerReference, templateHash } from '../../../operator/decide/template';
import type { HotStandbySpec } from '../../../src/api/types';
import { aChild, anHsd, anObservation, aPod, describeWrite, HTTP } from './builders';

interface Template {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  spec: Record<string, unknown>;
}

const hashOf = (spec: Partial<HotStandbySpec>): string => templateHash(anHsd({ spec }));
const templateOf = (spec: Partial<HotStandbySpec>): Template =>
  childManifest(anHsd({ spec }), 3, false).spec.template as Template;

describe('the fingerprint of a template', () => {
  const base = hashOf({});
  const image = (name: string): HotStandbySpec['podTemplate'] => ({
    spec: { containers: [{ name: 'room', image: name }] },
  });

  test('does not change, so that a new version restarts nobody', () => {
    expect(base).toBe('33ab1818a609da6e');
  });

  const changes: [sentence: string, spec: Partial<HotStandbySpec>][] = [
    ['another image', { podTemplate: image('room:2') }],
    ['another label of the Pods', { podTemplate: { ...image('room:1'), metadata: { labels: { tier: 'gold' } } } }],
    [
      'a null in a field the schema does not know: it was always kept',
      { podTemplate: { ...image('room:1'), metadata: { creationTimestamp: null } } as never },
    ],
    ['another selector', { selector: { matchLabels: { app: 'rooms', tier: 'gold' } } }],
    ['another busy key', { busyProbe: { mode: 'annotation', annotationKey: 'example.com/occupied' } }],
    ['another probe mode', HTTP],
    ['the same containers in another order', { podTemplate: { spec: { containers: [{ name: 'b' }, { name: 'a' }] } } }],
  ];
  test.each(changes)('changes with %s', (_sentence, spec) => {
    expect(hashOf(spec)).not.toBe(base);
  });

  const others: [sentence: string, spec: Partial<HotStandbySpec>][] = [
    ['the counts', { idleTarget: 7, minReplicas: 1, maxReplicas: 9 }],
    ['a default written out', { busyProbe: undefined }],
    [
      'a null in a field the schema knows: the API server dropped it before',
      {
        podTemplate: {
          metadata: null,
          spec: { tolerations: null, containers: [{ name: 'room', image: 'room:1', env: null }] },
        } as never,
      },
    ],
    ['the order of keys', { podTemplate: { spec: { containers: [{ image: 'room:1', name: 'room' }] } } }],
  ];
  test.each(others)('does not change with %s', (_sentence, spec) => {
    expect(hashOf(spec)).toBe(base);
  });

  test('does not change with how an HTTP probe asks: no Pod needs to know', () => {
    const http = (path: string): string => hashOf({ busyProbe: { mode: 'http', http: { path } } });
    expect(http('/a')).toBe(http('/b'));
  });

  test('is the same for any order of keys at any depth', () => {
    const reversed = (value: unknown): unknown =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([key, inner]) => [key, reversed(inner)]),
          )
        : value;
    const template = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(template, (spec) => {
        const podTemplate = { spec } as unknown as HotStandbySpec['podTemplate'];
        expect(hashOf({ podTemplate: reversed(podTemplate) as typeof podTemplate })).toBe(hashOf({ podTemplate }));
      }),
    );
  });
});

describe('the child Deployment', () => {
  test('is a whole object with everything HotStandby owns', () => {
    expect(childManifest(anHsd(), 3, false)).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: 'rooms-workload',
        namespace: 'default',
        labels: { 'hsd.paia.tech/name': 'rooms' },
        ownerReferences: [ownerReference(anHsd())],
      },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'rooms' } },
        // Written out: what somebody else gave a field that Git leaves out would stay otherwise.
        minReadySeconds: 0,
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        template: {
          metadata: {
            labels: { app: 'rooms', 'hsd.paia.tech/name': 'rooms', 'hsd.paia.tech/state': 'starting' },
            annotations: { 'hsd.paia.tech/busy-key': 'paia.tech/busy', 'hsd.paia.tech/template-hash': hashOf({}) },
          },
          spec: { containers: [{ name: 'room', image: 'room:1' }] },
        },
      },
    });
  });

  test('is owned by its hsd, which cannot go before it', () => {
    expect(ownerReference(anHsd())).toEqual({
      apiVersion: 'apps.paia.tech/v1alpha1',
      kind: 'HotStandbyDeployment',
      name: 'rooms',
      uid: 'hsd-1',
      controller: true,
      blockOwnerDeletion: true,
    });
  });

  test('says paused only when it is', () => {
    expect(childManifest(anHsd(), 3, true).spec.paused).toBe(true);
    expect(childManifest(anHsd(), 3, false).spec).not.toHaveProperty('paused');
  });

  test("keeps the user's labels and annotations; the selector's value wins", () => {
    const metadata = { labels: { app: 'other', tier: 'gold' }, annotations: { note: 'kept' } };
    const template = templateOf({ podTemplate: { metadata, spec: { containers: [{ name: 'room' }] } } });
    expect(template.metadata.labels).toMatchObject({ app: 'rooms', tier: 'gold' });
    expect(template.metadata.annotations).toMatchObject({ note: 'kept' });
  });

  test('starts every Pod in the state starting, whatever the user wrote there', () => {
    const metadata = { labels: { 'hsd.paia.tech/state': 'idle', 'hsd.paia.tech/name': 'else' } };
    const template = templateOf({ podTemplate: { metadata, spec: { containers: [{ name: 'room' }] } } });
    expect(template.metadata.labels).toMatchObject({
      'hsd.paia.tech/state': 'starting',
      'hsd.paia.tech/name': 'rooms',
    });
  });

  test('tells its Pods in http mode that they have no busy key', () => {
    expect(templateOf(HTTP).metadata.annotations['hsd.paia.tech/busy-key']).toBe('');
  });

  const metadata = (labels: object, annotations: object): HotStandbySpec['podTemplate'] =>
    ({ metadata: { labels, annotations }, spec: { containers: [{ name: 'room' }] } }) as never;

  test.each(['true', 'True', 'TRUE'])('starts no Pod busy, though the template says "%s"', (value) => {
    const podTemplate = metadata({}, { 'paia.tech/busy': value, note: 'kept' });
    expect(templateOf({ podTemplate }).metadata.annotations).toMatchObject({ note: 'kept' });
    expect(templateOf({ podTemplate }).metadata.annotations).not.toHaveProperty('paia.tech/busy');
    const busyProbe = { mode: 'annotation', annotationKey: 'my/busy' } as const;
    const own = templateOf({ podTemplate: metadata({}, { 'my/busy': value }), busyProbe });
    expect(own.metadata.annotations).not.toHaveProperty('my/busy');
  });

  test('passes on a busy key that says not busy, and in http mode whatever it says: nobody reads it', () => {
    const busy = (value: string): HotStandbySpec['podTemplate'] => metadata({}, { 'paia.tech/busy': value });
    expect(templateOf({ podTemplate: busy('false') }).metadata.annotations).toMatchObject({
      'paia.tech/busy': 'false',
    });
    const { annotations } = templateOf({ ...HTTP, podTemplate: busy('true') }).metadata;
    expect(annotations).toMatchObject({ 'paia.tech/busy': 'true' });
  });

  test('takes no key of its own from the template, and says which it left out', () => {
    const podTemplate = metadata(
      { 'hsd.paia.tech/session': 'x' },
      { 'hsd.paia.tech/busy-key': 'other', 'hsd.paia.tech/drain-on-delete': 'true', 'paia.tech/busy': 'true' },
    );
    const { labels, annotations } = templateOf({ ...HTTP, podTemplate }).metadata;
    expect(
      Object.keys({ ...labels, ...annotations })
        .filter((key) => key.startsWith('hsd.'))
        .sort(),
    ).toEqual(['hsd.paia.tech/busy-key', 'hsd.paia.tech/name', 'hsd.paia.tech/state', 'hsd.paia.tech/template-hash']);
    expect(annotations['hsd.paia.tech/busy-key']).toBe('');
    const plan = decide(anObservation({ hsd: anHsd({ spec: { podTemplate } }), child: null }));
    expect(plan.events.find(({ reason }) => reason === 'ReservedKeys')?.note).toMatch(
      /: hsd.paia.tech\/busy-key, hsd.paia.tech\/drain-on-delete, hsd.paia.tech\/session, paia.tech\/busy$/,
    );
    const healthy = plan.status.conditions?.find(({ type }) => type === 'BusyProbeHealthy');
    expect(healthy?.message).toBe(
      'busy is read from the annotation; paia.tech/busy of the Pod template is left out: no Pod is born busy',
    );
  });

  test('reads null as absent, at any depth and for any field, as a Deployment does', () => {
    const podTemplate = {
      metadata: { labels: null, annotations: null, creationTimestamp: null },
      spec: {
        tolerations: null,
        containers: [{ name: 'room', env: null, resources: { limits: null, requests: { cpu: 1 } }, args: ['a'] }],
      },
    } as never;
    const { metadata: meta, spec } = templateOf({ podTemplate });
    expect(meta).not.toHaveProperty('creationTimestamp');
    expect(spec).toEqual({ containers: [{ name: 'room', resources: { requests: { cpu: 1 } }, args: ['a'] }] });
  });
});

test('a selector by a label HotStandby changes makes no child: its ReplicaSet would make Pods without end', () => {
  const hsd = anHsd({ spec: { selector: { matchLabels: { app: 'rooms', 'hsd.paia.tech/state': 'starting' } } } });
  for (const child of [null, aChild({ matchLabels: hsd.spec.selector.matchLabels }, hsd)]) {
    const plan = decide(anObservation({ hsd, child, pods: [aPod('a').marked('starting')] }));
    expect(plan.writes).toEqual([]);
    expect(plan.status.conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({
      status: 'True',
      reason: 'ReservedSelector',
      message: expect.stringContaining('hsd.paia.tech/state'),
    });
  }
});

test('a selector by the name label is as good as any: no mark changes it', () => {
  const hsd = anHsd({ spec: { selector: { matchLabels: { 'hsd.paia.tech/name': 'rooms' } } } });
  const { writes } = decide(anObservation({ hsd, child: null }));
  expect(writes.map(describeWrite)).toContain('applyChild 2');
});
