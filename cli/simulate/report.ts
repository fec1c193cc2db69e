import type { FixedOutcome } from './best-fixed';
import type { Outcome } from './engine';

/** What `kubectl hsd simulate -o json` prints. */
export interface Report {
  sessions: number;
  missed: number;
  missedPercent: number;
  /** Of the sessions that had to wait; 0 where none had. */
  waitedSeconds: { p50: number; p99: number };
  idlePodHours: number;
  busyPodHours: number;
  maxPods: number;
  bestFixed: { idleTarget: number; missedPercent: number; idlePodHours: number };
}

export function reportOf(outcome: Outcome, fixed: FixedOutcome): Report {
  const waits = outcome.waits.slice().sort();
  return {
    sessions: outcome.sessions,
    missed: outcome.missed,
    missedPercent: percentOf(outcome),
    waitedSeconds: { p50: rounded(percentile(waits, 0.5)), p99: rounded(percentile(waits, 0.99)) },
    idlePodHours: rounded(outcome.idlePodHours),
    busyPodHours: rounded(outcome.busyPodHours),
    maxPods: outcome.maxPods,
    bestFixed: {
      idleTarget: fixed.idleTarget,
      missedPercent: percentOf(fixed.outcome),
      idlePodHours: rounded(fixed.outcome.idlePodHours),
    },
  };
}

function percentOf({ missed, sessions }: Outcome): number {
  return rounded((100 * missed) / sessions);
}

/** Nearest rank. */
function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function rounded(value: number): number {
  return Number(value.toFixed(3));
}

/** The same in words. */
export function reportText(report: Report, what: string): string {
  const { sessions, missed, waitedSeconds, bestFixed, maxPods } = report;
  const waited =
    missed === 0
      ? 'Every session found an idle Pod at once.'
      : `${grouped(missed)} of them (${report.missedPercent} %) found no idle Pod and waited: half of these up to ${waitedSeconds.p50} s, 99 % up to ${waitedSeconds.p99} s.`;
  return [
    `${what}: ${grouped(sessions)} sessions.`,
    waited,
    `${hours(report.idlePodHours)} Pod-hours without a session, ${hours(report.busyPodHours)} with one; at most ${grouped(maxPods)} Pods at once.`,
    `A fixed idleTarget needs ${bestFixed.idleTarget} to miss no more: ${bestFixed.missedPercent} % missed, ${hours(bestFixed.idlePodHours)} Pod-hours without a session${compared(report)}.`,
  ].join('\n');
}

function compared({ idlePodHours, bestFixed }: Report): string {
  if (bestFixed.idlePodHours === 0 || idlePodHours === bestFixed.idlePodHours) return '';
  return ` (this one takes ${(idlePodHours / bestFixed.idlePodHours).toFixed(2)} x as many)`;
}

function hours(value: number): string {
  return value >= 100 ? grouped(Math.round(value)) : value.toFixed(1);
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
