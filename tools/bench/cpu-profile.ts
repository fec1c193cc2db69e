import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';

/** What V8 writes for `--cpu-prof`, as far as it is read here. */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number; columnNumber: number } }[];
  /** Node on top of the stack at each sample. */
  samples?: number[];
  /** Microseconds since the sample before. */
  timeDeltas?: number[];
}

export interface SelfTime {
  /** For example `push operator/kube/lines.ts:14`. */
  where: string;
  ms: number;
  /** Of the time that was not idle: 0 to 1. */
  share: number;
}

/** Where a position of the bundle came from; undefined: not from the bundle. */
export type Locate = (
  url: string,
  line: number,
  column: number,
) => { file: string; line: number; name?: string } | undefined;

/** What V8 calls the time in which nothing ran. */
const IDLE = '(idle)';

/** Functions by the time they were on top of the stack, the longest first; idle time is left out. */
export function selfTimes(profile: CpuProfile, locate: Locate): SelfTime[] {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const spent = new Map<string, number>();
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const frame = frames.get(id);
    if (frame === undefined || frame.functionName === IDLE) continue;
    const where = name(frame, locate);
    spent.set(where, (spent.get(where) ?? 0) + (profile.timeDeltas?.[index] ?? 0) / 1000);
  }
  const total = [...spent.values()].reduce((sum, ms) => sum + ms, 0);
  return [...spent].map(([where, ms]) => ({ where, ms, share: ms / total })).sort((a, b) => b.ms - a.ms);
}

function name(frame: CpuProfile['nodes'][number]['callFrame'], locate: Locate): string {
  const { functionName, url, lineNumber, columnNumber } = frame;
  const origin = locate(url, lineNumber, columnNumber);
  if (origin === undefined) return `${functionName || '(anonymous)'} ${url}`.trim();
  return `${origin.name ?? (functionName || '(anonymous)')} ${origin.file}:${origin.line + 1}`;
}

/** Reads the source map beside a bundle; lines count from 0. */
export function locateBy(bundle: string): Locate {
  const map = new SourceMap(JSON.parse(readFileSync(`${bundle}.map`, 'utf8')));
  return (url, line, column) => {
    if (!url.endsWith(bundle)) return undefined;
    const entry = map.findEntry(line, column);
    if (!('originalSource' in entry)) return undefined;
    const file = entry.originalSource.replace(/^.*?((?:node_modules|operator|src)\/)/, '$1');
    return { file, line: entry.originalLine, name: (entry as { name?: string }).name };
  };
}

/** A table for a terminal: the `top` functions of a profile written by `node --cpu-prof`. */
export function profileTable(file: string, locate: Locate, top: number): string[] {
  const times = selfTimes(JSON.parse(readFileSync(file, 'utf8')) as CpuProfile, locate);
  return times
    .slice(0, top)
    .map(
      ({ where, ms, share }) => `${(share * 100).toFixed(1).padStart(5)} % ${ms.toFixed(0).padStart(6)} ms  ${where}`,
    );
}
