import fc from 'fast-check';
import {
  type Action,
  act,
  aWorld,
  converge,
  faults,
  LOWERING,
  originalChild,
  PROBING,
  schedules,
  type World,
} from './simulator/actions';
import type { SimReplicaSet } from './simulator/cluster';
import {
  garbageCollector,
  lateReplicaSetController,
  replicaSetController,
  settleControllers,
} from './simulator/controllers';
import { KINDS } from './simulator/operator';

/** A failure prints its seed and path; SIMULATION_RUNS=5000 looks further. */
const RUNS = Number(process.env.SIMULATION_RUNS ?? 200);

/** An hsd with `busy` sessions, at rest. */
function started(world: World, busy: number): World {
  converge(world);
  for (const pod of world.cluster.livePods().slice(0, busy)) world.cluster.startSession(pod);
  converge(world);
  return world;
}

function run(world: World, schedule: readonly Action[], check: () => void): void {
  for (const action of schedule) {
    act(world, action);
    check();
  }
}

describe('whatever happens, in any order', () => {
  test('with the guard no busy Pod is ended, though watches and controllers lag', () => {
    fc.assert(
      fc.property(schedules({ without: PROBING, maxLength: 60 }), fc.nat({ max: 3 }), (schedule, busy) => {
        const world = started(aWorld({ guarded: true, prompt: false }), busy);
        run(world, schedule, () => expect(world.cluster.lost).toEqual([]));
        converge(world);
        expect(world.cluster.lost).toEqual([]);
        expect(faults(world)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  test('without the guard no busy Pod is ended as long as nobody else lowers the child', () => {
    fc.assert(
      fc.property(
        schedules({ without: [...LOWERING, ...PROBING], maxLength: 60 }),
        fc.nat({ max: 3 }),
        (schedule, busy) => {
          const world = started(aWorld({ guarded: false, prompt: true }), busy);
          run(world, schedule, () => expect(world.cluster.lost).toEqual([]));
          converge(world);
          expect(world.cluster.lost).toEqual([]);
          expect(faults(world)).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('probed Pods are not ended in a session, though answers come late, fail, and the mode changes', () => {
    const without = [...LOWERING, 'busyKeyChanges'] as const;
    fc.assert(
      fc.property(schedules({ without, maxLength: 60 }), fc.nat({ max: 3 }), (schedule, busy) => {
        const world = started(aWorld({ guarded: true, prompt: false, spec: { busyProbe: { mode: 'http' } } }), busy);
        const lost = (): unknown[] => world.cluster.lost.filter((pod) => pod.ready);
        run(world, schedule, () => expect(lost()).toEqual([]));
        world.cluster.changeSpec({ busyProbe: { mode: 'http' } });
        converge(world);
        expect(lost()).toEqual([]);
        expect(faults(world)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  test('a deleted hsd that drains keeps every session to its end, and then is gone', () => {
    // A child somebody orphaned takes its Pods out of the garbage collector's reach: they outlive the hsd.
    const without = [...PROBING, 'onDeleteChanges', 'somebodyOrphansChild'] as const;
    fc.assert(
      fc.property(
        schedules({ without, maxLength: 40 }),
        schedules({ without, maxLength: 30 }),
        fc.nat({ max: 3 }),
        (before, after, busy) => {
          const world = started(
            aWorld({ guarded: true, prompt: false, spec: { sessions: { onDelete: 'Drain' } } }),
            busy,
          );
          const { cluster } = world;
          const check = (): void => {
            expect(cluster.lost).toEqual([]);
            if (cluster.hsd.finalizers.length === 0)
              expect(cluster.livePods().filter((pod) => pod.session)).toEqual([]);
          };
          run(world, before, check);
          cluster.hsd = { ...cluster.hsd, deleting: true, resourceVersion: cluster.nextVersion() };
          run(world, after, () => expect(cluster.lost).toEqual([]));
          converge(world);
          check();
          for (const pod of cluster.livePods()) cluster.endSession(pod);
          converge(world);
          expect(cluster.hsd.finalizers).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('taking over a child of the original operator ends no busy Pod', () => {
    fc.assert(
      fc.property(
        schedules({ without: [...LOWERING, ...PROBING, 'busyKeyChanges'], maxLength: 40 }),
        fc.integer({ min: 1, max: 6 }),
        fc.nat({ max: 4 }),
        (schedule, replicas, busy) => {
          const world = aWorld({ guarded: true, prompt: false });
          originalChild(world, replicas);
          for (const pod of world.cluster.livePods().slice(0, busy)) world.cluster.startSession(pod);
          for (const kind of KINDS) world.operator.deliver(kind);
          run(world, schedule, () => expect(world.cluster.lost).toEqual([]));
          converge(world);
          expect(world.cluster.lost).toEqual([]);
          expect(faults(world)).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
  });
});

test('the simulator itself ends busy Pods when nothing protects them', () => {
  const world = started(aWorld({ guarded: false, prompt: true }), 2);
  for (const pod of world.cluster.livePods()) world.cluster.touch(pod, { ready: !pod.session });
  world.cluster.changeChild({ replicas: 1 });
  settleControllers(world.cluster);
  expect(world.cluster.lost).toHaveLength(2);
});

test('a Pod made in the last moment of its ReplicaSet, and taken at once, outlives it', () => {
  const world = started(aWorld({ guarded: true, prompt: false }), 1);
  const { cluster, operator } = world;
  const pass = (...kinds: (typeof KINDS)[number][]): void => {
    for (const kind of kinds) operator.deliver(kind);
    operator.carryOut(operator.plan());
  };
  const leaving = (): SimReplicaSet[] => [...cluster.replicaSets.values()].filter((rs) => rs.deleting);
  cluster.changeSpec({ podTemplate: { spec: { containers: [{ name: 'room', image: 'room:2' }] } } });
  for (let passes = 0; leaving().length === 0 && passes < 9; passes++) {
    settleControllers(cluster);
    pass(...KINDS);
  }
  const [old] = leaving();
  const late = old && lateReplicaSetController(cluster, old);
  if (old === undefined || late === undefined) throw new Error('nothing was retired');
  cluster.takeAtOnce(late);
  replicaSetController(cluster, old);
  // The watch of ReplicaSets is ahead of that of Pods.
  for (let passes = 0; passes < 5; passes++) {
    pass('replicaSets');
    garbageCollector(cluster, Number.POSITIVE_INFINITY);
  }
  expect(cluster.lost).toEqual([]);
  expect(late.session).toBe(true);
  converge(world);
  expect(faults(world)).toEqual([]);
});
