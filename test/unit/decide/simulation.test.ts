import fc from 'fast-check';
import {
  type Action,
  act,
  aWorld,
  converge,
  faults,
  LOWERING,
  originalChild,
  schedules,
  type World,
} from './simulator/actions';
import { settleControllers } from './simulator/controllers';
import { KINDS } from './simulator/operator';

const RUNS = Number(process.env.SIMULATION_RUNS ?? 300);

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
      fc.property(schedules({ maxLength: 60 }), fc.nat({ max: 3 }), (schedule, busy) => {
        const world = started(aWorld({ guarded: true, prompt: false }), busy);
        run(world, schedule, () => expect(world.cluster.lost).toEqual([]));
        converge(world);
        expect(world.cluster.lost).toEqual([]);
        expect(faults(world)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  test('without the guard no Ready busy Pod is ended as long as nobody else lowers the child', () => {
    fc.assert(
      fc.property(schedules({ without: LOWERING, maxLength: 60 }), fc.nat({ max: 3 }), (schedule, busy) => {
        const world = started(aWorld({ guarded: false, prompt: true }), busy);
        const lost = (): unknown[] => world.cluster.lost.filter((pod) => pod.ready);
        run(world, schedule, () => expect(lost()).toEqual([]));
        converge(world);
        expect(lost()).toEqual([]);
        expect(faults(world)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  test('taking over a child of the original operator ends no busy Pod', () => {
    fc.assert(
      fc.property(
        schedules({ without: [...LOWERING, 'busyKeyChanges'], maxLength: 40 }),
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
