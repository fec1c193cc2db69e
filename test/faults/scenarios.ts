import type { HotStandbySpec } from '../../src/api/types';
import { poolSpec, type Stage, type StageOptions, template } from './stage';
import {
  copied,
  cordon,
  deleteChild,
  deletePool,
  end,
  handOver,
  killLeader,
  original,
  spec,
  start,
  startAny,
} from './steps';

/** Something that happens by itself, so long after the beginning. */
interface Step {
  atMs: number;
  does: (stage: Stage) => void;
}

export interface Scenario extends Omit<StageOptions, 'seed'> {
  name: string;
  /** Of the pool that is at rest in the beginning; absent: none is. */
  spec?: Partial<HotStandbySpec>;
  /** Sessions in the beginning. */
  busy: number;
  steps: readonly Step[];
  /** Long, and much like another: of the nightly run alone. */
  isNightly?: boolean;
  /** Instead of the operator's own making of the pool. */
  prepare?: (stage: Stage) => void;
}

const GUARDED = { guarded: true, marked: false, candidates: 0 };
const UNGUARDED = { guarded: false, marked: false, candidates: 0 };
const MARKED = { guarded: true, marked: true, candidates: 0 };
const ELECTED = { guarded: true, marked: false, candidates: 2 };
const HTTP: Partial<HotStandbySpec> = {
  busyProbe: {
    mode: 'http',
    http: { port: 8080, path: '/busy', successIsBusy: true, timeoutSeconds: 1, periodSeconds: 2 },
  },
  podTemplate: template(1, ''),
};
const DRAIN: Partial<HotStandbySpec> = { sessions: { onDelete: 'Drain' } };
const OTHER_KEY = 'example.com/occupied';
const sessionComesAndGoes: readonly Step[] = [
  { atMs: 0, does: start(0) },
  { atMs: 2500, does: end(0) },
];

/** Up to four Pods, two leaders, a template change. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'create', ...GUARDED, busy: 0, steps: [{ atMs: 0, does: (stage) => stage.createPool({}) }] },
  {
    name: 'create with drain',
    ...GUARDED,
    busy: 0,
    steps: [
      { atMs: 0, does: (stage) => stage.createPool({ ...DRAIN, idleTarget: 1 }) },
      { atMs: 1000, does: start(0) },
    ],
  },
  { name: 'session', ...GUARDED, spec: {}, busy: 0, steps: sessionComesAndGoes },
  { name: 'session without guard', ...UNGUARDED, spec: {}, busy: 0, steps: sessionComesAndGoes },
  { name: 'session with marks policy', isNightly: true, ...MARKED, spec: {}, busy: 0, steps: sessionComesAndGoes },
  {
    name: 'burst',
    isNightly: true,
    ...GUARDED,
    spec: {},
    busy: 0,
    steps: [
      { atMs: 0, does: start(0) },
      { atMs: 3, does: start(0) },
      { atMs: 600, does: start(0) },
    ],
  },
  {
    name: 'mass idle',
    ...GUARDED,
    spec: { idleTarget: 1 },
    busy: 3,
    steps: [
      { atMs: 0, does: end(0) },
      { atMs: 1, does: end(0) },
      { atMs: 1500, does: start(0) },
    ],
  },
  {
    name: 'mass idle without guard',
    isNightly: true,
    ...UNGUARDED,
    spec: { idleTarget: 1 },
    busy: 3,
    steps: [
      { atMs: 0, does: end(0) },
      { atMs: 1, does: end(1) },
      { atMs: 1500, does: start(0) },
    ],
  },
  {
    name: 'target up and down',
    ...GUARDED,
    spec: {},
    busy: 1,
    steps: [
      { atMs: 0, does: spec({ idleTarget: 3 }) },
      { atMs: 1500, does: spec({ idleTarget: 1 }) },
    ],
  },
  {
    name: 'limits',
    isNightly: true,
    ...GUARDED,
    spec: {},
    busy: 2,
    steps: [
      { atMs: 0, does: spec({ maxReplicas: 3 }) },
      { atMs: 1800, does: spec({ maxReplicas: 1 }) },
      { atMs: 3500, does: spec({ maxReplicas: undefined, minReplicas: 4 }) },
    ],
  },
  { name: 'rollout', ...GUARDED, spec: {}, busy: 1, steps: [{ atMs: 0, does: spec({ podTemplate: template(2) }) }] },
  {
    name: 'rollout without guard',
    isNightly: true,
    ...UNGUARDED,
    spec: {},
    busy: 1,
    steps: [{ atMs: 0, does: spec({ podTemplate: template(2) }) }],
  },
  {
    name: 'rollout with marks policy',
    isNightly: true,
    ...MARKED,
    spec: { idleTarget: 1 },
    busy: 1,
    steps: [
      { atMs: 0, does: spec({ podTemplate: template(2) }) },
      { atMs: 12, does: start(0) },
    ],
  },
  {
    name: 'rollout and back',
    isNightly: true,
    ...GUARDED,
    spec: { idleTarget: 1 },
    busy: 1,
    steps: [
      { atMs: 0, does: spec({ podTemplate: template(2) }) },
      { atMs: 400, does: spec({ podTemplate: template(1) }) },
    ],
  },
  {
    name: 'another key',
    isNightly: true,
    ...GUARDED,
    spec: { idleTarget: 1 },
    busy: 1,
    steps: [
      {
        atMs: 0,
        does: spec({
          busyProbe: { mode: 'annotation', annotationKey: OTHER_KEY },
          podTemplate: template(1, OTHER_KEY),
        }),
      },
      { atMs: 700, does: start(0) },
    ],
  },
  {
    name: 'another key, twice',
    isNightly: true,
    ...GUARDED,
    spec: { idleTarget: 1 },
    busy: 1,
    steps: [
      { atMs: 0, does: spec({ busyProbe: { mode: 'annotation', annotationKey: OTHER_KEY } }) },
      { atMs: 1200, does: spec({ busyProbe: { mode: 'annotation', annotationKey: 'example.com/third' } }) },
    ],
  },
  { name: 'to probes', ...GUARDED, spec: { idleTarget: 1 }, busy: 1, steps: [{ atMs: 0, does: spec(HTTP) }] },
  {
    name: 'from probes',
    ...GUARDED,
    spec: { ...HTTP, idleTarget: 1 },
    busy: 1,
    steps: [{ atMs: 0, does: spec({ ...poolSpec({ idleTarget: 1 }) }) }],
  },
  {
    name: 'probed session',
    ...GUARDED,
    spec: { ...HTTP, idleTarget: 1 },
    busy: 1,
    steps: [
      { atMs: 0, does: start(0) },
      { atMs: 4000, does: end(0) },
    ],
  },
  {
    name: 'probed shrink without guard',
    ...UNGUARDED,
    spec: { ...HTTP, idleTarget: 2 },
    busy: 0,
    steps: [{ atMs: 0, does: spec({ idleTarget: 1 }) }],
  },
  {
    name: 'probed shrink',
    ...GUARDED,
    spec: { ...HTTP, idleTarget: 2 },
    busy: 0,
    steps: [{ atMs: 0, does: spec({ idleTarget: 1 }) }],
  },
  {
    name: 'probed rollout',
    isNightly: true,
    ...GUARDED,
    spec: { ...HTTP, idleTarget: 1 },
    busy: 1,
    steps: [{ atMs: 0, does: spec({ podTemplate: template(2, '') }) }],
  },
  {
    name: 'take over the original child',
    isNightly: true,
    ...GUARDED,
    busy: 0,
    prepare: original,
    steps: [
      { atMs: 0, does: startAny(0) },
      { atMs: 1, does: (stage) => stage.createPool({}) },
    ],
  },
  {
    name: 'delete',
    isNightly: true,
    ...GUARDED,
    spec: {},
    busy: 1,
    steps: [{ atMs: 0, does: deletePool('Background') }],
  },
  {
    name: 'delete with drain',
    ...GUARDED,
    spec: { ...DRAIN, idleTarget: 1 },
    busy: 1,
    steps: [
      { atMs: 0, does: deletePool('Background') },
      { atMs: 3000, does: end(0) },
    ],
  },
  {
    name: 'foreground delete with drain',
    isNightly: true,
    ...GUARDED,
    spec: { ...DRAIN, idleTarget: 1 },
    busy: 1,
    steps: [
      { atMs: 0, does: deletePool('Foreground') },
      { atMs: 3000, does: end(0) },
    ],
  },
  {
    name: 'orphan',
    ...GUARDED,
    spec: { idleTarget: 1 },
    busy: 1,
    steps: [
      { atMs: 0, does: spec({ podTemplate: template(2) }) },
      { atMs: 8, does: deletePool('Orphan') },
    ],
  },
  {
    name: 'delete and make again',
    ...GUARDED,
    spec: { idleTarget: 1 },
    busy: 0,
    steps: [
      { atMs: 0, does: deletePool('Background') },
      { atMs: 3, does: (stage) => stage.createPool({ idleTarget: 1 }) },
    ],
  },
  {
    name: 'child deleted, drain',
    ...GUARDED,
    spec: { ...DRAIN, idleTarget: 1 },
    busy: 1,
    steps: [{ atMs: 0, does: deleteChild('Background') }],
  },
  {
    name: 'child orphaned',
    ...GUARDED,
    spec: { idleTarget: 1 },
    busy: 1,
    steps: [{ atMs: 0, does: deleteChild('Orphan') }],
  },
  {
    name: 'cordon',
    ...GUARDED,
    spec: {},
    busy: 1,
    steps: [
      { atMs: 0, does: cordon('node-2', true) },
      { atMs: 2500, does: cordon('node-2', false) },
    ],
  },
  {
    name: 'stabilized',
    ...GUARDED,
    spec: { idleTarget: 1, behavior: { scaleDown: { stabilizationWindowSeconds: 2 } } },
    busy: 2,
    steps: [{ atMs: 0, does: end(0) }],
  },
  {
    name: 'two leaders',
    isNightly: true,
    ...ELECTED,
    spec: { idleTarget: 1 },
    busy: 1,
    steps: [
      { atMs: 0, does: start(0) },
      { atMs: 1500, does: start(0) },
    ],
  },
  {
    name: 'two leaders, the first dies',
    ...ELECTED,
    spec: { idleTarget: 1 },
    busy: 1,
    steps: [
      { atMs: 0, does: start(0) },
      { atMs: 300, does: killLeader },
      { atMs: 16_500, does: start(0) },
    ],
  },
  {
    name: 'two leaders and a rollout',
    isNightly: true,
    ...ELECTED,
    spec: { idleTarget: 1 },
    busy: 1,
    steps: [
      { atMs: 0, does: spec({ podTemplate: template(2) }) },
      { atMs: 20, does: killLeader },
    ],
  },
  {
    name: 'hand over without guard',
    ...ELECTED,
    guarded: false,
    spec: { idleTarget: 2 },
    busy: 1,
    steps: [
      { atMs: 0, does: start(0) },
      { atMs: 3, does: start(0) },
      { atMs: 30, does: handOver },
      { atMs: 4_500, does: start(0) },
    ],
  },
  {
    name: 'probed, template copied from a child',
    ...GUARDED,
    isNightly: true,
    spec: { ...HTTP, idleTarget: 2, podTemplate: copied(template(1, '')) },
    busy: 1,
    steps: [{ atMs: 0, does: spec({ idleTarget: 0 }) }],
  },
  {
    name: 'probed, template copied from a child, without guard',
    ...UNGUARDED,
    spec: { ...HTTP, idleTarget: 1, podTemplate: copied(template(1, '')) },
    busy: 1,
    steps: [{ atMs: 0, does: spec({ idleTarget: 0 }) }],
  },
  {
    name: 'take over the original child, another key',
    ...GUARDED,
    isNightly: true,
    busy: 0,
    prepare: original,
    steps: [
      { atMs: 0, does: startAny(0) },
      { atMs: 1, does: (stage) => stage.createPool({}) },
      { atMs: 600, does: spec({ busyProbe: { mode: 'annotation', annotationKey: OTHER_KEY } }) },
      { atMs: 2_000, does: spec({ busyProbe: { mode: 'annotation', annotationKey: 'example.com/third' } }) },
    ],
  },
];

export function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found === undefined)
    throw new Error(`no scenario "${name}"; there are: ${SCENARIOS.map((s) => s.name).join('; ')}`);
  return found;
}
