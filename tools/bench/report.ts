/** docs/benchmarks.md. Pure: what was found in, Markdown out. */
import { total, type Writes } from './audit';
import { goalRows, ms, number, type Row } from './goals';
import type { LoadAverage, Machine } from './machine';
import type { Results } from './results';
import type { Sizes } from './sizes';

export interface Run {
  machine: Machine;
  load: LoadAverage;
  minutes: number;
  sizes: Sizes;
  /** Of the full sizes: 1 for all. */
  scale: number;
  results: Results;
}

/** The whole document. */
export function report(run: Run): string {
  const rows = goalRows(run.results);
  const parts = [
    heading(run),
    goalsTable(rows),
    reasons(rows),
    reactions(run.results),
    loads(run),
    writes(run.results),
    memory(run.results),
    others(run.results),
    method(run.sizes),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function heading({ machine, load, minutes, scale }: Run): string {
  const { cpu, cores, memoryGb, kernel, node, kubernetes, date } = machine;
  const crowd = load.most > 2 * cores ? ' Other work shared the machine: read the ratios, not the times.' : '';
  return [
    '# Benchmarks',
    '',
    '<!-- Written by `npm run bench`; edits are lost. -->',
    '',
    `Measured on ${date} in ${minutes.toFixed(0)} minutes: ${cores} cores (${cpu}), ${memoryGb} GB, ${kernel}, Node ${node}, Kubernetes ${kubernetes} with kwok nodes,`,
    `everything on this one machine. Load average ${load.before.toFixed(1)} before, ${load.most.toFixed(1)} at most.${crowd}`,
    scale < 1
      ? `**At ${scale} of the full sizes**: a full run is \`npm run bench\`; this one was \`npm run bench -- --scale ${scale}\`.`
      : 'Repeat it with `npm run bench`.',
  ].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function goalsTable(rows: readonly Row[]): string {
  const word = ({ met }: Row): string => (met === undefined ? '' : met ? 'met' : '**not met**');
  const cells = rows.map((row) => [row.what, row.goal, row.measured, row.beside, row.ratio, word(row)]);
  return `## Goals\n\n${table(['what', 'goal', 'measured', 'beside it, same run', 'ratio', ''], cells)}`;
}

function reasons(rows: readonly Row[]): string {
  const missed = rows.filter(({ met }) => met === false);
  if (missed.length === 0) return '';
  // One paragraph a cause: several goals often have the same.
  const causes = Map.groupBy(missed, ({ why = '' }) => why);
  const lines = [...causes].map(([why, rows]) => `- ${rows.map(({ what }) => what).join('; ')}: ${why}`);
  return `### What is not met, and what next\n\n${lines.join('\n')}`;
}

function reactions({ reactions: found }: Results): string {
  if (found.size === 0) return '';
  const rows = [...found].flatMap(([where, both]) =>
    (['operator', 'bare'] as const).map((who) => {
      const { count, p50, p90, p99, max } = both[who];
      return [where, who === 'bare' ? 'bare loop' : who, String(count), ms(p50), ms(p90), ms(p99), ms(max)];
    }),
  );
  const head = ['Pods', 'who', 'samples', 'p50', 'p90', 'p99', 'max'];
  return `## Reaction: busy annotation committed to child replicas written\n\n${table(head, rows)}`;
}

function loads({ results, sizes }: Run): string {
  const seconds = (value: number): string => `${value.toFixed(2)} s`;
  const times = (a: number, b: number): string => `${(a / b).toFixed(2)} x`;
  const bursts = [...results.bursts].flatMap(([where, { operator, bare, writesPerFlip }]) => [
    [
      `${sizes.burst} Pods busy at once, ${where}: all replicas right`,
      seconds(operator.total),
      seconds(bare.total),
      times(operator.total, bare.total),
    ],
    ['the same, from the last busy write on', seconds(operator.lag), seconds(bare.lag), ''],
    [
      'all of them idle at once: back at the target (1 s of it is the drain grace)',
      seconds(operator.idle),
      seconds(bare.idle),
      '',
    ],
    ['writes of the operator for each flip', writesPerFlip.toFixed(2), '', ''],
  ]);
  const { steady } = results;
  const steadyRows = steady
    ? [
        [
          `steady ${sizes.flipsPerSecond} flips/s asked for, ${sizes.steadySeconds} s: achieved`,
          `${steady.operator.flipsPerSecond.toFixed(1)}/s`,
          `${steady.bare.flipsPerSecond.toFixed(1)}/s`,
          '',
        ],
        ['steady: reaction p50', ms(steady.operator.reaction.p50), ms(steady.bare.reaction.p50), ''],
        ['steady: reaction p99', ms(steady.operator.reaction.p99), ms(steady.bare.reaction.p99), ''],
        ['steady: CPU of one core', `${steady.usage.cpuPercent.toFixed(0)} %`, '', ''],
        ['steady: event-loop delay p99', ms(steady.usage.loopP99Ms), '', ''],
      ]
    : [];
  if (bursts.length + steadyRows.length === 0) return '';
  const rows = table(['what', 'operator', 'bare loop', 'ratio'], [...bursts, ...steadyRows]);
  return ['## Under load', rows, crowding(results)].filter(Boolean).join('\n\n');
}

/** How much of the control plane a steady load takes up by itself, so that nobody takes a queue in it for the operator's time. */
function crowding({ steady, raw, fill }: Results): string {
  if (steady === undefined || raw === undefined || fill === undefined) return '';
  const { flips, flipsPerSecond } = steady.operator;
  const patches = flipsPerSecond * (1 + total(steady.writes) / flips);
  const podsPerSecond = fill.pods / fill.seconds;
  const share = flipsPerSecond / podsPerSecond + patches / raw.perSecond;
  const each = (flipsPerSecond / 2).toFixed(0);
  return `Two things differ in the steady load: the bare loop's scale writes make no Pods, and behind the operator's ${each} Pods start and ${each} end every second. This control plane starts ${podsPerSecond.toFixed(0)}
Pods a second when it does nothing else, and patches ${raw.perSecond.toFixed(0)}; starts, ends, and the ${patches.toFixed(0)} patches a second of sessions and operator take ${(share * 100).toFixed(0)} % of it. Near 100 % and above, every request
waits its turn, and a reaction takes as long as that queue is. Reactions on a control plane with room are in the tables above.`;
}

function writes({ steady, writesPerSingleFlip }: Results): string {
  if (steady === undefined) return '';
  const single =
    writesPerSingleFlip === undefined
      ? ''
      : `\n\nOne session at a time in one small hsd, nothing to coalesce: ${writesPerSingleFlip.toFixed(2)} for each flip.`;
  return `## Writes for each flip, steady load\n\nCounted by the API server's audit log, refused ones with their status.\n\n${table(
    ['write', 'requests', 'for each flip'],
    writeRows(steady.writes, steady.operator.flips),
  )}${single}`;
}

function writeRows(found: Writes, flips: number): string[][] {
  const rows = [...found].sort(([, a], [, b]) => b - a);
  return [...rows, ['all', total(found)] as const].map(([what, count]) => [
    what,
    number(count),
    (count / flips).toFixed(2),
  ]);
}

function memory({ memory: { points } }: Results): string {
  if (points.length === 0) return '';
  const rows = points.map(({ pods, rssMb, heapMb }) => [
    number(pods),
    `${rssMb.toFixed(1)} MB`,
    `${heapMb.toFixed(1)} MB`,
  ]);
  return `## Memory of a fresh operator at rest\n\n${table(['Pods in sight', 'resident', 'heap in use'], rows)}`;
}

function others({ raw, fill, probes, busyPodsLost }: Results): string {
  const lines = [
    raw &&
      `- The API server alone: ${raw.perSecond.toFixed(0)} Pod patches/s with ${raw.connections} connections, p50 ${ms(raw.latency.p50)}, p99 ${ms(raw.latency.p99)}.`,
    fill &&
      `- ${number(fill.pods)} Pods from nothing: ${fill.seconds.toFixed(0)} s (${(fill.pods / fill.seconds).toFixed(0)}/s, the whole control plane's work).`,
    probes &&
      `- Probes: answers p99 ${ms(probes.answerP99Ms)}, event-loop delay p99 ${ms(probes.loopP99Ms)}, ${probes.rssMb.toFixed(0)} MB.`,
    `- Busy Pods lost in the whole run: ${busyPodsLost}.`,
    '- The original operator on such a control plane, measured earlier: reaction p50 9.7 s; 1 of 3 busy Pods lost in one scale-down, 6 of 6 in one rollout.',
  ];
  return `## Others\n\n${lines.filter(Boolean).join('\n')}`;
}

function method(sizes: Sizes): string {
  return `## How it is measured

- The operator is the bundle of the image in a process of its own, under the installed ServiceAccount, with the shipped admission policies (guard and marks) and without
  leader election (its Lease renewals, one every two seconds whatever the size, are not counted). The bare loop is another process: it watches the same Pods and patches one scale at a time.
- Each looks at an annotation key of its own on the same Pods, so one's sample is an event the other has to parse as well. The bare loop scales a paused Deployment
  without Pods; what follows a sample of the operator (a new Pod, marks, status) has died down before the next one.
- A reaction begins when the reply to the annotation's patch is there and ends when a third process sees the new replicas by its own watch.
- Pods are made by the Deployment controllers and run on kwok nodes named in the template: the scheduler has no part. Nothing is created by hand but the hsds.
- Controllers run with their client limits raised (2,000 requests/s instead of 20): what is measured is not their default throttle.
- Memory: a fresh process, ${sizes.memorySettleSeconds} s after it was ready. Cold start: middle one of ${sizes.coldRounds}, bare list and operator in turn. Bursts: middle one of ${sizes.burstRounds}.
- The probe engine is measured alone, against one server that answers for every loopback address.`;
}
