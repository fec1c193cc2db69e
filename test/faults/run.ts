import { FAULTS } from './catalogue/catalogue';
import type { FaultType } from './catalogue/fault';
import type { Call, Fate } from './cluster/client';
import type { OperatorProcess } from './cluster/operator-process';
import { always, atRest, rateMeanwhile, whileItLasts } from './oracle';
import { type Scenario, scenarioNamed } from './scenarios';
import { type Injector, type Prepared, Stage, textOf } from './stage';

/** One thing that goes wrong, at the n-th write of the operators. */
export interface Fault {
  at: number;
  name: string;
}

export interface Plan {
  scenario: string;
  seed: number;
  faults: readonly Fault[];
}

export interface Outcome {
  /** What does not hold; empty: all is well. */
  broken: string[];
  /** The writes there were until the faults were lifted. */
  writes: string[];
  /** By write, names of faults that can strike it. */
  strikes: string[][];
  trace: string[];
}

/** After the last step: faults and their echoes play out. */
const PLAY_MS = 15_000;
/** So long a refusal that stays is looked at. */
const HOLD_MS = 45_000;
/** From the end of all faults to rest; the longest backoff is five minutes. */
const REST_MS = 420_000;
/** Longer than a watch that says nothing goes unnoticed, and a quiet spell. */
const REST_ELECTED_MS = 200_000;
const QUIET_MS = 60_000;

class Faults implements Injector {
  readonly writes: string[] = [];
  readonly strikes: string[][] = [];
  readonly held: { first: Call; type: FaultType }[] = [];
  readonly lasting: FaultType[] = [];
  readonly excused = new Set<string>();
  private readonly indexes = new Map<Call, number>();
  private isLifted = false;
  private refusedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly stage: Stage,
    private readonly faults: readonly Fault[],
    private readonly listsStrikes: boolean,
  ) {}

  fate(call: Call, operator: OperatorProcess): Fate {
    if (this.isLifted) return {};
    const index = this.writes.push(textOf(call));
    this.indexes.set(call, index);
    const point = { stage: this.stage, operator, call };
    if (this.listsStrikes) {
      this.strikes.push([...FAULTS].flatMap(([name, type]) => (type.strikes?.(point) === false ? [] : [name])));
    }
    let fate: Fate = {};
    for (const { type } of this.held) fate = { ...fate, ...type.holds?.(...this.firstOf(type, call)) };
    for (const type of this.of(index)) {
      if (type.strikes?.(point) === false) continue;
      const excused = type.excuses?.(point);
      if (excused) this.excused.add(excused.metadata.uid);
      fate = { ...fate, ...type.before?.(point) };
      if (type.holds) this.held.push({ first: call, type });
      if (type.lasts) this.lasting.push(type);
    }
    if (fate.refusal) this.refusedAtMs = this.stage.time.elapsedMs;
    return fate;
  }

  done(call: Call): void {
    const index = this.indexes.get(call);
    if (index === undefined || this.isLifted) return;
    for (const type of this.of(index)) {
      const operator = this.stage.operators.find(({ name }) => name === call.client);
      if (operator) type.after?.({ stage: this.stage, operator, call });
    }
  }

  /** The first of each kind of request that is refused from then on, and was not long ago. */
  refusals(): Call[] {
    const since = this.stage.time.elapsedMs - HOLD_MS;
    return this.held
      .filter(({ first, type }) => type.holds?.(first, first)?.refusal && this.refusedAtMs > since)
      .map(({ first }) => first);
  }

  /** Somebody else is always faster: that is tried again soon. */
  get isRace(): boolean {
    return this.faults.some(({ name }) => name.includes('409'));
  }

  refusesPod(name: string): boolean {
    return this.held.some(
      ({ first, type }) => first.resource === 'pods' && type.holds?.(first, { ...first, name })?.refusal !== undefined,
    );
  }

  lift(): void {
    this.isLifted = true;
    for (const undo of this.stage.lifted.splice(0)) undo();
  }

  private firstOf(type: FaultType, call: Call): [Call, Call] {
    return [this.held.find((held) => held.type === type)?.first ?? call, call];
  }

  private of(index: number): FaultType[] {
    return this.faults.flatMap(({ at, name }) => {
      const type = at === index ? FAULTS.get(name) : undefined;
      if (type) this.stage.note(`-- ${name}`);
      return type ?? [];
    });
  }
}

const prepared = new Map<string, Prepared>();

/** The pool of a scenario at rest, made by the operator itself without any fault. */
async function prepare(scenario: Scenario, seed: number): Promise<Prepared> {
  const known = prepared.get(scenario.name);
  if (known) return known;
  const stage = new Stage({ ...scenario, candidates: 0, seed });
  stage.time.install();
  try {
    stage.found();
    if (scenario.prepare) scenario.prepare(stage);
    if (scenario.spec) {
      stage.createPool(scenario.spec);
      const operator = stage.startOperator();
      await stage.time.run(8_000);
      for (let n = 0; n < scenario.busy; n++) {
        const free = stage.pods().find(({ metadata }) => !stage.sessions.busy.has(metadata.uid));
        if (free) stage.sessions.start(free);
        await stage.time.run(stage.time.elapsedMs + 4_000);
      }
      await stage.time.run(stage.time.elapsedMs + 20_000);
      operator.kill();
    } else await stage.time.run(3_000);
    prepared.set(scenario.name, stage.prepared());
    return stage.prepared();
  } finally {
    stage.time.uninstall();
  }
}

/** Runs a plan from the first moment to rest. The same plan gives the same outcome. */
export async function run(plan: Plan, options: { traces?: boolean; listsStrikes?: boolean } = {}): Promise<Outcome> {
  const scenario = scenarioNamed(plan.scenario);
  const start = await prepare(scenario, 1);
  const stage = new Stage({ ...scenario, seed: plan.seed });
  if (options.traces) stage.trace = [];
  stage.time.install();
  try {
    stage.restore(start);
    const faults = new Faults(stage, plan.faults, options.listsStrikes ?? false);
    stage.injector = faults;
    const broken = await play(stage, scenario, faults);
    return { broken, writes: faults.writes, strikes: faults.strikes, trace: stage.trace ?? [] };
  } finally {
    for (const operator of stage.operators) operator.kill();
    stage.time.uninstall();
  }
}

async function play(stage: Stage, scenario: Scenario, faults: Faults): Promise<string[]> {
  const { time } = stage;
  stage.startOperators();
  const isBad = (): boolean => always(stage).length > 0;
  const begin = time.elapsedMs + 1_000;
  for (const { atMs, does } of scenario.steps) time.after(begin - time.elapsedMs + atMs, () => does(stage));
  const last = begin + Math.max(0, ...scenario.steps.map(({ atMs }) => atMs));
  await time.run(last + PLAY_MS, isBad);
  if (isBad()) return always(stage);
  const broken = new Set<string>();
  if (faults.held.length > 0 || faults.lasting.length > 0) {
    await time.run(last + PLAY_MS + HOLD_MS, isBad);
    if (isBad()) return always(stage);
    const meanwhile = {
      refused: faults.refusals(),
      refusesPod: (name: string) => faults.refusesPod(name),
      canGrow: faults.lasting.every(({ lasts }) => lasts === 'can grow'),
      excused: faults.excused,
    };
    for (const each of [...whileItLasts(stage, meanwhile), ...rateMeanwhile(stage, faults.isRace)]) broken.add(each);
  }
  faults.lift();
  stage.note('-- all faults are lifted');
  const restMs = scenario.candidates > 0 ? REST_ELECTED_MS : REST_MS;
  const endMs = time.elapsedMs + restMs;
  await time.run(endMs, isBad);
  for (const each of [...always(stage), ...atRest(stage, endMs - QUIET_MS, faults.excused)]) broken.add(each);
  return [...broken];
}
