import { type Chart, Cron, Duration, Testing } from 'cdk8s';
import * as kplus from 'cdk8s-plus-28';
import {
  AutoIdle,
  BusyProbe,
  type BusyProbeHttpOptions,
  HotStandby,
  HotStandbyOperator,
  type HotStandbyOperatorProps,
  type HotStandbyProps,
  type IdleSchedule,
  ProbeVia,
} from '../../src';
import { testChart } from './support';

const minimal: HotStandbyProps = { idleTarget: 3, containers: [{ image: 'room' }] };

function daily(name: string, hour: string): IdleSchedule {
  const at = (h: string): Cron => Cron.schedule({ minute: '0', hour: h });
  return { name, start: at(hour), end: at('18'), idleTarget: 5 };
}

function expression() {
  return kplus.LabelSelector.of({ expressions: [kplus.LabelExpression.exists('tier')] });
}

describe('a mistake in HotStandby is named with its value and the fix when it is constructed', () => {
  test.each<[string, Partial<HotStandbyProps>, string]>([
    ['a negative target', { idleTarget: -1 }, "'idleTarget' is -1: give a whole number from 0 to 1000000"],
    ['a broken target', { idleTarget: 1.5 }, "'idleTarget' is 1.5: give a whole number from 0 to 1000000"],
    ['no number at all', { idleTarget: Number.NaN }, "'idleTarget' is NaN: give a whole number from 0 to 1000000"],
    ['a negative minimum', { minReplicas: -2 }, "'minReplicas' is -2: give a whole number from 0 to 1000000"],
    ['a maximum of zero', { maxReplicas: 0 }, "'maxReplicas' is 0: give a whole number from 1 to 1000000"],
    [
      'a maximum below the minimum',
      { minReplicas: 5, maxReplicas: 3 },
      "'maxReplicas' (3) must not be less than 'minReplicas' (5): raise 'maxReplicas' or lower 'minReplicas'",
    ],
    [
      'a negative history',
      { revisionHistoryLimit: -1 },
      "'revisionHistoryLimit' is -1: give a whole number from 0 to 1000000",
    ],
    [
      'a window above an hour',
      { scaleDownStabilizationWindow: Duration.hours(2) },
      "'scaleDownStabilizationWindow' is 7200: give a whole number of seconds from 0 to 3600",
    ],
    ['a share above 1000 %', { idlePercent: 1001 }, "'idlePercent' is 1001: give a whole number from 0 to 1000"],
    [
      'autoIdle without an upper bound',
      { autoIdle: AutoIdle.apply() },
      "'autoIdle' needs an upper bound: give it 'max', or the HotStandby 'maxReplicas'",
    ],
    [
      'two windows of one name',
      { schedules: [daily('day', '8'), daily('day', '9')] },
      `'schedules' has two of the name "day": give each its own`,
    ],
    [
      'a window that is never open',
      { schedules: [daily('day', '18')] },
      `'schedules "day"' starts and ends at "0 18 * * *", so it is never open: move one of them`,
    ],
    [
      'half a second of readiness',
      { minReady: Duration.millis(500) },
      "'minReady' is 0.5: give a whole number of seconds from 0 to 1000000",
    ],
    [
      'no time to roll out',
      { progressDeadline: Duration.seconds(0) },
      "'progressDeadline' is 0: give a whole number of seconds from 1 to 1000000",
    ],
    [
      'a rollout that is late before its first Pod can be available',
      { progressDeadline: Duration.seconds(30), minReady: Duration.minutes(1) },
      "'progressDeadline' (30 s) must be greater than 'minReady' (60 s): a Pod needs that long to become available",
    ],
    [
      'the same with the default deadline',
      { minReady: Duration.minutes(10) },
      "'progressDeadline' (600 s) must be greater than 'minReady' (600 s): a Pod needs that long to become available",
    ],
    [
      'a restart policy no Deployment has',
      { restartPolicy: kplus.RestartPolicy.NEVER },
      "'restartPolicy' is Never: a Deployment's Pods allow only RestartPolicy.ALWAYS, leave it out",
    ],
    [
      'an http probe of host-network Pods',
      { hostNetwork: true, busyProbe: BusyProbe.http() },
      "'hostNetwork' is true with BusyProbe.http(): the operator never probes a node's address, use BusyProbe.annotation()",
    ],
    [
      'a name too long for a label',
      { metadata: { name: 'a'.repeat(64) } },
      `'metadata.name' is "${'a'.repeat(64)}", 64 characters: at most 63 are allowed (it becomes a label value), choose a shorter name`,
    ],
    [
      'a name that is none',
      { metadata: { name: 'My_Rooms' } },
      "'metadata.name' is \"My_Rooms\": give lower-case letters, digits, '-' and '.', starting and ending with a letter or digit",
    ],
  ])('%s', (_name, props, message) => {
    expect(() => new HotStandby(testChart(), 'rooms', { ...minimal, ...props })).toThrow(new Error(message));
  });

  test.each<[string, Partial<HotStandbyProps>]>([
    ['zero idle Pods', { idleTarget: 0 }],
    ['a maximum equal to the minimum', { minReplicas: 3, maxReplicas: 3 }],
    ['host network with an annotation', { hostNetwork: true, busyProbe: BusyProbe.annotation() }],
    ['a name of 63 characters', { metadata: { name: 'a'.repeat(63) } }],
  ])('%s is accepted', (_name, props) => {
    const chart = testChart();
    new HotStandby(chart, 'rooms', { ...minimal, ...props });
    expect(Testing.synth(chart)).toHaveLength(1);
  });
});

describe('what may still be mended after construction is refused at synthesis', () => {
  test.each<[string, Partial<HotStandbyProps>, (rooms: HotStandby) => void, string]>([
    ['no container', { containers: [] }, () => {}, "'containers' is empty: give at least one, or call addContainer()"],
    [
      'nothing selected',
      { select: false },
      () => {},
      "'select' is false and nothing is selected: call select() with at least one label",
    ],
    [
      'a selector expression',
      {},
      (rooms) => rooms.select(expression()),
      'select() was given expressions (tier Exists), which a HotStandbyDeployment cannot hold: select by labels alone',
    ],
    [
      'a selector that clashes with the Pod labels',
      { podMetadata: { labels: { app: 'a' } } },
      (rooms) => rooms.select(kplus.LabelSelector.of({ labels: { app: 'b' } })),
      'the selector wants label app: "b" but \'podMetadata\' sets it to "a": give both the same value',
    ],
    [
      'two containers that have no name',
      { containers: [{ image: 'room' }, { image: 'log' }] },
      () => {},
      "'containers' has two of the name \"main\" (a container without 'name' is \"main\"): give each its own 'name'",
    ],
    [
      'a selector key that is none',
      {},
      (rooms) => rooms.select(kplus.LabelSelector.of({ labels: { 'a b': 'c' } })),
      'the selector wants label "a b": give a label key, [prefix/]name, for example app',
    ],
    [
      'a selector by a label of the operator',
      {},
      (rooms) => rooms.select(kplus.LabelSelector.of({ labels: { 'hsd.paia.tech/state': 'idle' } })),
      'the selector wants label hsd.paia.tech/state, which HotStandby itself writes: select by a label of your own',
    ],
    [
      'Pods that are born busy',
      { podMetadata: { annotations: { 'paia.tech/busy': 'True' } } },
      () => {},
      '\'podMetadata\' has annotation paia.tech/busy: "True": no Pod begins in a session, leave it out',
    ],
    [
      'Pods that are born busy by a key of their own',
      { busyProbe: BusyProbe.annotation({ key: 'my/busy' }) },
      (rooms) => rooms.podMetadata.addAnnotation('my/busy', 'true'),
      '\'podMetadata\' has annotation my/busy: "true": no Pod begins in a session, leave it out',
    ],
    [
      'a selector value that is none',
      {},
      (rooms) => rooms.select(kplus.LabelSelector.of({ labels: { app: '-rooms' } })),
      "the selector wants label app: \"-rooms\": give at most 63 letters, digits, '-', '_' or '.', starting and ending with a letter or digit",
    ],
  ])('%s', (_name, props, change, message) => {
    const chart = testChart();
    change(new HotStandby(chart, 'rooms', { ...minimal, ...props }));
    expect(() => Testing.synth(chart)).toThrow(message);
  });
});

describe('a mistake in a busy probe is named with its value and the fix', () => {
  test.each<[string, BusyProbeHttpOptions, string]>([
    ['port 0', { port: 0 }, "'busyProbe.port' is 0: give a whole number from 1 to 65535"],
    ['port 65536', { port: 65536 }, "'busyProbe.port' is 65536: give a whole number from 1 to 65535"],
    ['a relative path', { path: 'busy' }, '\'busyProbe.path\' is "busy": start it with "/", as in "/busy"'],
    [
      'a path with a space',
      { path: '/a b' },
      '\'busyProbe.path\' is "/a b": percent-encode spaces and control characters, for example %20',
    ],
    [
      'a path with a line break',
      { path: '/a\r\nHost: x' },
      '\'busyProbe.path\' is "/a\\r\\nHost: x": percent-encode spaces and control characters, for example %20',
    ],
    [
      'a timeout below a second',
      { timeoutSeconds: Duration.millis(500) },
      "'busyProbe.timeoutSeconds' is 0.5: give a whole number of seconds from 1 to 3600",
    ],
    [
      'a period above a day',
      { periodSeconds: Duration.days(2) },
      "'busyProbe.periodSeconds' is 172800: give a whole number of seconds from 1 to 86400",
    ],
    [
      'failureThreshold 0',
      { failureThreshold: 0 },
      "'busyProbe.failureThreshold' is 0: give a whole number from 1 to 100",
    ],
    [
      'failureThreshold 101',
      { failureThreshold: 101 },
      "'busyProbe.failureThreshold' is 101: give a whole number from 1 to 100",
    ],
    [
      'a path that leaves the Pod, by way of the API server',
      { path: '/a/%2e%2e/b', via: ProbeVia.API_SERVER_PROXY },
      '\'busyProbe.path\' is "/a/%2e%2e/b": the API server\'s proxy is not sent a segment "." or "..", write the path without it',
    ],
  ])('%s', (_name, options, message) => {
    expect(() => BusyProbe.http(options)).toThrow(new Error(message));
  });

  test.each(['', 'not a key', 'a/b/c', '/busy', 'UPPER.example/busy', `${'a'.repeat(64)}`])('the key "%s"', (key) => {
    expect(() => BusyProbe.annotation({ key })).toThrow(
      new Error(`'busyProbe.key' is "${key}": give an annotation key, [prefix/]name, for example paia.tech/busy`),
    );
  });

  test.each(['busy', 'paia.tech/busy', 'a.b-c/D_e.f'])('the key "%s" is accepted', (key) => {
    expect(BusyProbe.annotation({ key })).toBeInstanceOf(BusyProbe);
  });
});

describe('a mistake in what a HotStandby is asked for later is named with the fix', () => {
  test.each<[string, Partial<HotStandbyProps>, (rooms: HotStandby, chart: Chart) => void, string]>([
    [
      'no port to expose',
      {},
      (rooms) => rooms.exposeIdle(),
      "exposeIdle() has no port: give 'ports', or a container of the HotStandby its 'portNumber'",
    ],
    [
      'ports without names',
      {},
      (rooms) => rooms.exposeIdle({ ports: [{ port: 80, name: 'a' }, { port: 81 }] }),
      'exposeIdle() has 2 ports (80, 81) and not every one a name: name each of them',
    ],
    [
      'marking themselves when they are probed',
      { busyProbe: BusyProbe.http() },
      (rooms) => rooms.selfAnnotating(),
      'selfAnnotating() with BusyProbe.http(): the operator asks the Pods, leave selfAnnotating() out',
    ],
    [
      'marking themselves twice',
      {},
      (rooms) => {
        rooms.selfAnnotating();
        rooms.selfAnnotating();
      },
      'selfAnnotating() was called twice: call it once',
    ],
  ])('%s', (_name, props, ask, message) => {
    const chart = testChart();
    const rooms = new HotStandby(chart, 'rooms', { ...minimal, ...props });
    expect(() => ask(rooms, chart)).toThrow(new Error(message));
  });

  test('two ServiceAccounts', () => {
    const chart = testChart();
    const account = (name: string) => new kplus.ServiceAccount(chart, name, { metadata: { name } });
    const rooms = new HotStandby(chart, 'rooms', { ...minimal, serviceAccount: account('a') });
    expect(() => rooms.selfAnnotating({ serviceAccount: account('b') })).toThrow(
      new Error('selfAnnotating() was given ServiceAccount "b" but \'serviceAccount\' is "a": give one of them'),
    );
  });
});

describe('a mistake in HotStandbyOperator is named with its value and the fix', () => {
  test.each<[string, HotStandbyOperatorProps, string]>([
    ['no replica', { replicas: 0 }, "'replicas' is 0: give a whole number from 1 to 10"],
    [
      'a namespace that is none',
      { namespace: 'Not_One' },
      "'namespace' is \"Not_One\": give 1 to 63 lower-case letters, digits or '-', starting and ending with a letter or digit",
    ],
    [
      'an empty list of namespaces',
      { namespaces: [] },
      "'namespaces' is empty: name at least one, or leave it out to watch all",
    ],
    ['a namespace named twice', { namespaces: ['a', 'b', 'a'] }, '\'namespaces\' names "a" twice: name it once'],
    [
      'two ways to say where',
      { namespaces: ['a'], ownNamespaceOnly: true },
      "'namespaces' and 'ownNamespaceOnly' exclude each other: give one of them",
    ],
    ['a version with a v', { version: 'v1.2.3' }, '\'version\' is "v1.2.3": leave out the "v", as in "1.2.3"'],
    [
      'an image that is none',
      { image: 'my image' },
      '\'image\' is "my image": give an image reference, for example ghcr.io/paia-tech/hotstandby:v1.2.3',
    ],
    [
      'a digest that is none',
      { image: 'registry.example.com/hotstandby@sha256:abc' },
      '\'image\' is "registry.example.com/hotstandby@sha256:abc": give its digest as sha256: and 64 hexadecimal digits',
    ],
    [
      'a name too long',
      { name: 'a'.repeat(55) },
      "'name' has 55 characters: at most 54 are allowed, choose a shorter one",
    ],
    [
      'a variable the Pod sets',
      { env: { POD_NAME: kplus.EnvValue.fromValue('x') } },
      "'env' sets POD_NAME, which the operator gets from its Pod: leave it out",
    ],
    [
      'a port that is none',
      { networkPolicy: { probePorts: [80, 70000] } },
      "'networkPolicy.probePorts[1]' is 70000: give a whole number from 1 to 65535",
    ],
    [
      'an API server nobody can reach',
      { networkPolicy: { apiServerPorts: [] } },
      "'networkPolicy.apiServerPorts' is empty, so nothing could be reached: name some or leave it out",
    ],
    [
      'half a second between two scrapes',
      { scrapeInterval: Duration.millis(500) },
      "'scrapeInterval' is 0.5: give a whole number of seconds from 1 to 1000000",
    ],
    [
      'a guard against nobody',
      { guardedUsers: [] },
      "'guardedUsers' is empty, so the guard would refuse nobody: name users or set 'admissionGuard: false'",
    ],
    [
      'preemption without the guard',
      { guardPreemption: true, admissionGuard: false },
      "'guardPreemption' is true without the guard: leave it out or set 'admissionGuard: true'",
    ],
    [
      'marks for a namespace that has no name',
      { ownNamespaceOnly: true, admissionMarks: true },
      "'admissionMarks' with 'ownNamespaceOnly' must know its namespace: give 'namespace'",
    ],
    [
      'self-annotation for a namespace that has no name',
      { ownNamespaceOnly: true, selfAnnotationPolicy: true },
      "'selfAnnotationPolicy' with 'ownNamespaceOnly' must know its namespace: give 'namespace'",
    ],
    [
      'two operators that both write',
      { extraArgs: ['--no-leader-elect'] },
      "'extraArgs' has --no-leader-elect with 2 'replicas', and all of them would write: set 'replicas: 1' or leave it out",
    ],
    [
      'a namespace to create that has no name',
      { ownNamespaceOnly: true, createNamespace: true },
      "'createNamespace' is true but no namespace is named: give 'namespace'",
    ],
    [
      'a guard for a namespace that has no name',
      { ownNamespaceOnly: true, admissionGuard: true },
      "'admissionGuard' with 'ownNamespaceOnly' must know its namespace: give 'namespace'",
    ],
  ])('%s', (_name, props, message) => {
    expect(() => new HotStandbyOperator(testChart(), 'operator', props)).toThrow(new Error(message));
  });
});
