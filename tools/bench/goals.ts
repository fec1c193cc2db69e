/** The goals of the design, each with what was measured. Pure: results in, rows out. */
import { total } from './audit';
import type { Results } from './results';

export interface Row {
  what: string;
  goal: string;
  measured: string;
  /** What it is compared with, measured in the same run; empty: the goal is an absolute one. */
  beside: string;
  ratio: string;
  /** Undefined: not measured. */
  met?: boolean;
  /** Why not, and the next idea; only where `met` is false. */
  why?: string;
}

/** p50 and p99 of an operator's reaction as multiples of the bare loop's. */
interface ReactionGoal {
  p50: number;
  p99: number;
}

const ONE_HSD: ReactionGoal = { p50: 1.2, p99: 2 };
const AT_SCALE: ReactionGoal = { p50: 1.5, p99: 2.5 };
/** Pods above which the goals of large sizes hold. */
const AT_SCALE_FROM = 2_000;
const WRITES_PER_FLIP = 2.2;
const BASE_MB = 90;
const KB_PER_POD = 1.5;
const LARGEST_MB = 110;
const COLD_START = 2;
const LATENESS_MS = 100;

const WHY = {
  reaction:
    'The scale write leaves 0.7 ms after the event has reached the socket, before the pass over the Pods (bare loop: 0.5 ms; measured by stage, at the lower quartile). The rest is the API server: a Pod that turns busy changes its marks too, so the disruption controller and every watch of Pods by state work on the same cores while the scale write is served (on a busy machine it took up to twice as long there as the bare loop’s). Next: the same run with the control plane on cores of its own.',
  writes:
    'A session that begins alone costs its scale, its status and the mark of the new Pod, one that ends the mark of the Pod that drains, the scale and the status: three each; only what comes close together is coalesced (0.8 for each flip at 20 a second on one hsd). Next: let the admission policy mark a Pod idle in the status write that makes it Ready (half a write for each flip), and drain without a mark of its own where the guard is installed.',
  base: 'Of 87 MB 43 are Node itself and 27 the modules it loads (undici 12, prom-client and its HTTP modules 9). Next: a second file for what only proxies and exec plugins load (undici whole and client-node are two thirds of the 1.8 MB that are parsed at the start), or a start-up snapshot.',
  memory:
    'Garbage of the first list counts in resident memory until V8 gives it back. Next: interned strings for namespace, node and owner in the views.',
  cold: 'The process itself has to start and compile its modules, ask for its permissions, and list five kinds beside Pods. Next: the permission questions at the same time as the first lists. A V8 compile cache needs a folder to write to, which the read-only root of the image does not have; a cache made with the image is of one architecture and one version of Node.',
  probes:
    'An app that closes the connection after each answer costs a connect a probe. Next: the prober in a worker thread.',
} as const;

/** One row for each goal of the design, in its order. */
export function goalRows(results: Results): Row[] {
  return [
    ...reactionRows(results),
    writesRow(results),
    restRow(results),
    claimsRow(results),
    ...memoryRows(results),
    coldStartRow(results),
    probesRow(results),
  ];
}

function reactionRows({ reactions }: Results): Row[] {
  return [...reactions].map(([where, { operator, bare }]) => {
    const goal = podsIn(where) >= AT_SCALE_FROM ? AT_SCALE : ONE_HSD;
    const p50 = operator.p50 / bare.p50;
    const p99 = operator.p99 / bare.p99;
    return judged(
      {
        what: `busy annotation to written replicas, ${where} (${operator.count} samples)`,
        goal: `p50 ≤ ${goal.p50} x, p99 ≤ ${goal.p99} x`,
        measured: `p50 ${ms(operator.p50)}, p99 ${ms(operator.p99)}`,
        beside: `bare loop: p50 ${ms(bare.p50)}, p99 ${ms(bare.p99)}`,
        ratio: `p50 ${p50.toFixed(2)} x, p99 ${p99.toFixed(2)} x`,
      },
      p50 <= goal.p50 && p99 <= goal.p99,
      WHY.reaction,
    );
  });
}

/** `10,000 Pods over 1,000 hsds` and `one hsd of 5,000 Pods` name theirs before the word. */
function podsIn(where: string): number {
  return Number((/([\d,]+) Pods/.exec(where)?.[1] ?? '0').replaceAll(',', ''));
}

function writesRow({ steady }: Results): Row {
  const row = { what: 'API writes for each flip of busy, steady load', goal: `≤ ${WRITES_PER_FLIP}` };
  if (steady === undefined) return notMeasured(row);
  const writes = total(steady.writes) / steady.operator.flips;
  const measured = `${writes.toFixed(2)} over ${steady.operator.flips} flips`;
  return judged({ ...row, measured, beside: '', ratio: '' }, writes <= WRITES_PER_FLIP, WHY.writes);
}

function restRow({ rest }: Results): Row {
  const row = { what: 'API writes at rest', goal: '0' };
  if (rest === undefined) return notMeasured(row);
  const writes = total(rest.writes);
  const measured = `${writes} in ${rest.seconds} s with ${number(rest.pods)} Pods`;
  return judged({ ...row, measured, beside: '', ratio: '' }, writes === 0, 'A write at rest is a defect.');
}

function claimsRow({ raw }: Results): Row {
  const beside = raw
    ? `raw Pod patches: ${raw.perSecond.toFixed(0)}/s with ${raw.connections} connections, p99 ${ms(raw.latency.p99)}`
    : '';
  const goal = '≥ 80 % of the raw rate, p99 ≤ 3 x a raw patch';
  return { what: 'claims per second', goal, measured: 'not built yet', beside, ratio: '' };
}

function memoryRows({ memory: { points, afterLoadMb } }: Results): Row[] {
  const [first] = points;
  const last = points.at(-1);
  const rows = [
    { what: 'memory without Pods', goal: `≤ ${BASE_MB} MB` },
    { what: 'memory for each further Pod', goal: `≤ ${KB_PER_POD} KB` },
    { what: `memory with ${number(last?.pods ?? 0)} Pods`, goal: `≤ ${LARGEST_MB} MB` },
  ] as const;
  if (first === undefined || last === undefined || last === first) return rows.map(notMeasured);
  const perPod = ((last.rssMb - first.rssMb) * 1000) / (last.pods - first.pods);
  const after = afterLoadMb === undefined ? '' : `; ${afterLoadMb.toFixed(0)} MB after all the load`;
  const [base, each, largest] = rows;
  const blank = { beside: '', ratio: '' };
  const points3 = points.map(({ pods, rssMb }) => `${number(pods)}: ${rssMb.toFixed(0)} MB`).join(', ');
  return [
    judged({ ...base, ...blank, measured: `${first.rssMb.toFixed(0)} MB resident` }, first.rssMb <= BASE_MB, WHY.base),
    judged({ ...each, ...blank, measured: `${perPod.toFixed(2)} KB (${points3})` }, perPod <= KB_PER_POD, WHY.memory),
    judged(
      { ...largest, ...blank, measured: `${last.rssMb.toFixed(0)} MB${after}` },
      last.rssMb <= LARGEST_MB,
      WHY.base,
    ),
  ];
}

function coldStartRow({ coldStart: cold }: Results): Row {
  const row = { what: 'start of the process to the first decision', goal: `≤ ${COLD_START} x a bare paged list` };
  if (cold === undefined) return notMeasured(row);
  const ratio = cold.operator / cold.bareList;
  const without = cold.operatorWithoutStart / cold.bareListWithoutStart;
  return judged(
    {
      what: `${row.what}, ${number(cold.pods)} Pods`,
      goal: row.goal,
      measured: `${cold.operator.toFixed(2)} s (${cold.operatorWithoutStart.toFixed(2)} s from its first list on)`,
      beside: `bare list: ${cold.bareList.toFixed(2)} s (${cold.bareListWithoutStart.toFixed(2)} s)`,
      ratio: `${ratio.toFixed(2)} x (${without.toFixed(2)} x)`,
    },
    ratio <= COLD_START,
    WHY.cold,
  );
}

function probesRow({ probes }: Results): Row {
  const row = { what: 'http probes on one core', goal: `lateness p99 ≤ ${LATENESS_MS} ms` };
  if (probes === undefined) return notMeasured(row);
  const measured = `p99 ${ms(probes.latenessP99Ms)} at ${probes.perSecond.toFixed(0)} probes/s, ${probes.cpuPercent.toFixed(0)} % of a core, ${probes.unknown} of ${probes.probes} without an answer`;
  const met = probes.latenessP99Ms <= LATENESS_MS && probes.cpuPercent <= 100;
  return judged({ ...row, measured, beside: '', ratio: '' }, met, WHY.probes);
}

function judged(row: Omit<Row, 'met' | 'why'>, met: boolean, why: string): Row {
  return { ...row, met, ...(!met && { why }) };
}

function notMeasured({ what, goal }: { what: string; goal: string }): Row {
  return { what, goal, measured: 'not measured', beside: '', ratio: '' };
}

export function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

export function number(value: number): string {
  return value.toLocaleString('en-US');
}
