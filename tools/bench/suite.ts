/** The stages of a run: each brings the cluster to a size, once, and measures there what was asked for. */
import { total } from './audit';
import { type BareInput, startBareLoop } from './bare';
import { number } from './goals';
import { burst, SteadyLoad } from './load';
import { Mirror } from './mirror';
import { Operator, type OperatorSettings } from './operator';
import type { BenchmarkName, BenchOptions } from './options';
import { BARE, createNamespaces, createPools, deletePools, OPERATOR, type Pool, resize, settle } from './pools';
import { measureReactions, type Scene } from './reaction';
import { type BurstResult, noResults, type Results, type Usage } from './results';
import type { Log, Programs, Rig } from './rig';
import { measureColdStart, measureMemory, measureProbes, measureRaw, measureRest } from './single';
import type { Sizes } from './sizes';
import { median } from './stats';

export interface SuiteInput {
  rig: Rig;
  programs: Programs;
  /** For files. */
  dir: string;
  sizes: Sizes;
  options: BenchOptions;
  log: Log;
}

/** Namespaces a contender looks after; undefined: all of them. */
type Scope = readonly string[] | undefined;

/** Namespace of the one hsd, and one where nothing ever is. */
const ONE = 'bench-one';
const NONE = 'bench-none';

export class Suite {
  readonly results: Results = noResults();
  /** One line for each stage that broke. */
  readonly failures: string[] = [];
  private readonly mirror: Mirror;
  private readonly scene: Scene;
  private readonly bare: BareInput;

  constructor(private readonly input: SuiteInput) {
    const { rig, log, programs, dir } = input;
    this.mirror = new Mirror(rig.api);
    this.scene = { api: rig.api, mirror: this.mirror, log };
    this.bare = { programs, connection: rig.cluster.connection, dir };
  }

  /** All stages that were asked for. What breaks one is in `failures`; the others still run. Never because of a time. */
  async run(): Promise<void> {
    const { sizes, rig } = this.input;
    await createNamespaces(rig.api, [ONE, NONE]);
    await this.mirror.start();
    try {
      if (this.wants('memory')) await this.stage('memory', () => this.memory(0, NONE));
      if (this.wants('reaction', 'burst', 'raw', 'memory')) await this.stage('one hsd', () => this.oneHsd());
      if (this.wants('reaction', 'rest', 'steady', 'burst', 'memory', 'cold-start')) {
        await this.stage('many hsds', () => this.manyHsds());
      }
      if (sizes.big > 0 && this.wants('reaction')) await this.stage('big hsd', () => this.bigHsd());
    } finally {
      await this.mirror.stop();
    }
  }

  /** Needs no cluster: call it when that is gone. */
  async probes(): Promise<void> {
    if (!this.wants('probes')) return;
    const { programs, sizes } = this.input;
    this.say(`http probes: ${sizes.probes.targets} targets every ${sizes.probes.periodSeconds} s`);
    await this.stage('probes', async () => {
      this.results.probes = await measureProbes(programs, sizes.probes);
    });
  }

  private async stage(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const failure = `${name}: ${error instanceof Error ? error.message : String(error)}`;
      this.say(`broken: ${failure}`);
      this.failures.push(failure);
    }
  }

  private async oneHsd(): Promise<void> {
    const { sizes, rig } = this.input;
    let pool: Pool = { namespace: ONE, name: 'rooms', idleTarget: sizes.one[0]?.pods ?? 0 };
    await createPools(rig.api, [pool]);
    for (const { pods, samples, isBurst } of sizes.one) {
      this.say(`one hsd with ${podsWord(pods)}`);
      pool = await resize(rig.api, pool, pods);
      await this.withOperator(`one-${pods}`, [ONE], async () => {
        await settle(this.mirror, [pool], this.input.log);
        const position = rig.audit.position();
        const isMeasured = await this.reactions(podsWord(pods), [pool], [ONE], samples);
        if (isMeasured) this.results.writesPerSingleFlip ??= total(rig.audit.since(position)) / (2 * samples);
        if (isBurst) await this.bursts(`one hsd of ${podsWord(pods)}`, [pool], [ONE]);
      });
    }
    await this.raw(pool);
    // Two sizes suffice where the larger one is no larger than this.
    if (this.wants('memory') && sizes.one.length > 1) await this.memory(pool.idleTarget, ONE);
    // The next stage should see its own Pods only; so few more do not matter to it.
    if (pool.idleTarget < 100) return;
    this.say('removing it');
    await this.withOperator('removal', [ONE], () => deletePools(rig.api, this.mirror, [pool]));
  }

  private async manyHsds(): Promise<void> {
    const { sizes, rig, log } = this.input;
    const pods = sizes.hsds * sizes.podsPerHsd;
    const where = spread(sizes.hsds, sizes);
    this.say(`${where}: making them`);
    const pools = manyPools(sizes);
    await createNamespaces(rig.api, [...new Set(pools.map(({ namespace }) => namespace))]);
    await this.withOperator('many', undefined, async (operator) => {
      const started = performance.now();
      await createPools(rig.api, pools);
      await settle(this.mirror, pools, log);
      this.results.fill = { pods, seconds: (performance.now() - started) / 1000 };
      if (this.wants('rest')) await this.rest(pods);
      await this.reactions(where, pools, undefined, sizes.samples);
      await this.steady(pools, operator);
      await this.bursts(where, pools, undefined);
      this.results.memory.afterLoadMb = (await operator.figures()).rssMb;
    });
    if (sizes.partSamples > 0 && this.wants('reaction')) await this.partOf(pools);
    if (this.wants('memory')) await this.memory(pods, undefined);
    if (!this.wants('cold-start')) return;
    this.say(`cold start, ${sizes.coldRounds} rounds`);
    this.results.coldStart = await measureColdStart(this.operatorSettings(), this.bare, sizes.coldRounds);
  }

  /** Two namespaces of the many, through an operator that looks after these alone. */
  private async partOf(all: readonly Pool[]): Promise<void> {
    const { sizes, log } = this.input;
    const namespaces = [...new Set(all.map(({ namespace }) => namespace))].slice(0, 2);
    const pools = all.filter(({ namespace }) => namespaces.includes(namespace));
    await this.withOperator('part', namespaces, async () => {
      await settle(this.mirror, pools, log);
      await this.reactions(spread(pools.length, sizes), pools, namespaces, sizes.partSamples);
    });
  }

  private async bigHsd(): Promise<void> {
    const { sizes, rig, log } = this.input;
    this.say(`one hsd with ${podsWord(sizes.big)}: making them`);
    const pool = { namespace: ONE, name: 'hall', idleTarget: sizes.big };
    await createPools(rig.api, [pool]);
    await this.withOperator('big', [ONE], async () => {
      await settle(this.mirror, [pool], log);
      await this.reactions(`one hsd of ${podsWord(sizes.big)}`, [pool], [ONE], sizes.samples);
    });
  }

  private async reactions(where: string, pools: readonly Pool[], scope: Scope, samples: number): Promise<boolean> {
    if (!this.wants('reaction')) return false;
    this.say(`reaction, ${where}`);
    const found = await this.withBareLoop(pools, scope, () => measureReactions(this.scene, pools, samples));
    this.results.reactions.set(where, found);
    const told = (name: 'operator' | 'bare'): string =>
      `${name} p50 ${found[name].p50.toFixed(1)} p99 ${found[name].p99.toFixed(1)} ms`;
    this.say(`  ${told('operator')}, ${told('bare')}`);
    return true;
  }

  private async rest(pods: number): Promise<void> {
    const { sizes, rig } = this.input;
    this.say(`at rest for ${sizes.restSeconds} s`);
    const writes = await measureRest(rig.audit, sizes.restSeconds);
    this.results.rest = { seconds: sizes.restSeconds, pods, writes };
  }

  private async steady(pools: readonly Pool[], operator: Operator): Promise<void> {
    if (!this.wants('steady')) return;
    const { sizes, rig } = this.input;
    this.say(`steady: ${sizes.flipsPerSecond} flips/s for ${sizes.steadySeconds} s, operator then bare loop`);
    const position = rig.audit.position();
    const { flipsPerSecond, steadySeconds } = sizes;
    const ours = new SteadyLoad(this.scene, pools, OPERATOR);
    const usage = await this.using(operator, () => ours.run(flipsPerSecond, steadySeconds));
    const result = await ours.finish();
    const writes = rig.audit.since(position);
    const bare = await this.withBareLoop(pools, undefined, async () => {
      const theirs = new SteadyLoad(this.scene, pools, BARE);
      await theirs.run(flipsPerSecond, steadySeconds);
      return theirs.finish();
    });
    this.results.steady = { operator: result, bare, usage, writes };
  }

  private async bursts(where: string, pools: readonly Pool[], scope: Scope): Promise<void> {
    if (!this.wants('burst')) return;
    const { sizes, rig } = this.input;
    this.say(`burst of ${sizes.burst}, ${where}`);
    const times = { operator: [], bare: [] } as { operator: Burst[]; bare: Burst[] };
    let writes = 0;
    await this.withBareLoop(pools, scope, async () => {
      for (let round = 0; round < sizes.burstRounds; round++) {
        const position = rig.audit.position();
        times.operator.push(await burst(this.scene, pools, OPERATOR, sizes.burst));
        writes += total(rig.audit.since(position));
        times.bare.push(await burst(this.scene, pools, BARE, sizes.burst));
      }
    });
    this.results.bursts.set(where, {
      operator: middle(times.operator),
      bare: middle(times.bare),
      writesPerFlip: writes / (2 * sizes.burst * sizes.burstRounds),
    });
  }

  private async raw(pool: Pool): Promise<void> {
    if (!this.wants('raw')) return;
    this.say('raw Pod patches');
    const pods = this.mirror.podsOf(pool.namespace, pool.name);
    this.results.raw = await measureRaw(this.input.rig.api, pods, this.input.sizes.rawSeconds);
  }

  private async memory(pods: number, namespace: string | undefined): Promise<void> {
    this.say(`memory with ${pods} Pods in sight`);
    const settings = this.operatorSettings(namespace === undefined ? undefined : [namespace]);
    this.results.memory.points.push(await measureMemory(settings, pods, this.input.sizes.memorySettleSeconds));
  }

  private async using(operator: Operator, work: () => Promise<void>): Promise<Usage> {
    const started = performance.now();
    const before = await operator.figures();
    await work();
    const after = await operator.figures();
    const seconds = (performance.now() - started) / 1000;
    const cpuPercent = ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100;
    return { cpuPercent, loopP99Ms: after.loopP99Ms, rssMb: after.rssMb };
  }

  private async withOperator(
    name: string,
    scope: Scope,
    work: (operator: Operator) => Promise<unknown>,
  ): Promise<void> {
    const { options, dir, log } = this.input;
    const settings = this.operatorSettings(scope);
    const operator = await Operator.start({ ...settings, ...(options.cpuProf && { profile: { dir, name, log } }) });
    try {
      await work(operator);
      this.results.busyPodsLost += (await operator.figures()).busyPodsLost;
    } finally {
      await operator.stop();
    }
  }

  private async withBareLoop<T>(pools: readonly Pool[], scope: Scope, work: () => Promise<T>): Promise<T> {
    const loop = await startBareLoop(this.bare, { idleTarget: pools[0]?.idleTarget ?? 0, namespaces: scope });
    try {
      return await Promise.race([
        work(),
        loop.ended().then((how): never => {
          throw new Error(`the bare loop ended: ${how}`);
        }),
      ]);
    } finally {
      await loop.stop();
    }
  }

  private operatorSettings(namespaces?: Scope): OperatorSettings {
    const { programs, rig } = this.input;
    return { bundle: programs.operator, kubeconfig: rig.operatorKubeconfig, namespaces };
  }

  private wants(...names: BenchmarkName[]): boolean {
    return names.some((name) => this.input.options.only.has(name));
  }

  private say(line: string): void {
    this.input.log(line);
  }
}

/** What goals.ts reads the size from. */
function podsWord(pods: number): string {
  return `${number(pods)} Pods`;
}

function spread(hsds: number, { podsPerHsd }: Sizes): string {
  return `${podsWord(hsds * podsPerHsd)} over ${number(hsds)} hsds`;
}

type Burst = BurstResult['operator'];

function middle(rounds: readonly Burst[]): Burst {
  const of = (key: keyof Burst): number => median(rounds.map((round) => round[key]));
  return { total: of('total'), lag: of('lag'), idle: of('idle') };
}

function manyPools({ hsds, podsPerHsd, hsdsPerNamespace }: Sizes): Pool[] {
  return Array.from({ length: hsds }, (_, index) => ({
    namespace: `bench-${Math.floor(index / hsdsPerNamespace)}`,
    name: `rooms-${index}`,
    idleTarget: podsPerHsd,
  }));
}
