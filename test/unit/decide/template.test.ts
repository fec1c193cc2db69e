import fc from 'fast-check';
import { childManifest, ownerReference, templateHash } from '../../../operator/decide/template';
import type { HotStandbySpec } from '../../../src/api/types';
import { anHsd, HTTP } from './builders';

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

  test('tells its Pods no busy key in http mode', () => {
    expect(templateOf(HTTP).metadata.annotations).not.toHaveProperty('hsd.paia.tech/busy-key');
  });
});
