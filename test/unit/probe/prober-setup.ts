import type { HttpOutcome, HttpQuestion, ProbeTransport } from '../../../operator/probe/http-probe';
import {
  type ProbePod,
  type ProbeReport,
  Prober,
  type ProberOptions,
  type ProbeSpec,
} from '../../../operator/probe/prober';
import { FakeClock } from '../support/fake-clock';
import { recordingLogger } from '../support/logger';

export const SPEC: ProbeSpec = { port: 8080, path: '/busy', successIsBusy: true, timeoutSeconds: 1, periodSeconds: 10 };
export const OK: HttpOutcome = { status: 200 };
export const NOT_FOUND: HttpOutcome = { status: 404 };

export interface Sent extends HttpQuestion {
  question: HttpQuestion;
  atMs: number;
  aborted: boolean;
  answer: (outcome: HttpOutcome) => void;
}

/** A question to a server on loopback. */
export function question(change: Partial<HttpQuestion>): HttpQuestion {
  return { scheme: 'HTTP', ip: '127.0.0.1', port: 80, path: '/busy', namespace: 'ns', name: 'pod', ...change };
}

/** The outcome of one question. */
export function outcomeOf(transport: ProbeTransport, asked: HttpQuestion): Promise<HttpOutcome> {
  return new Promise((resolve) => transport.send(asked, resolve));
}

/** A prober whose questions are kept instead of sent; `auto` answers them at once. */
export function setup(options: Partial<ProberOptions> & { auto?: HttpOutcome } = {}) {
  const { auto, ...rest } = options;
  const clock = new FakeClock();
  const logger = recordingLogger();
  const sent: Sent[] = [];
  const changes: string[] = [];
  const reports: ProbeReport[] = [];
  const forgotten: HttpQuestion[] = [];
  const podIp: ProbeTransport = {
    send: (asked, answer) => {
      const entry: Sent = { ...asked, question: asked, atMs: clock.monotonic(), aborted: false, answer };
      sent.push(entry);
      if (auto) clock.setTimeout(() => entry.aborted || answer(auto), 5);
      return {
        abort() {
          entry.aborted = true;
        },
      };
    },
    forget: (asked) => forgotten.push(asked),
    close() {},
  };
  const prober = new Prober({
    clock,
    logger,
    onChange: (key) => changes.push(key),
    onProbe: (report) => reports.push(report),
    podIp,
    ...rest,
  });
  return { clock, logger, sent, changes, reports, forgotten, prober };
}

export const pod = (n: number, change: Partial<ProbePod> = {}): ProbePod => ({
  uid: `uid-${n}`,
  ip: `10.0.${n >> 8}.${n & 255}`,
  hostNetwork: false,
  ...change,
});
export const pods = (count: number, from = 0): ProbePod[] => Array.from({ length: count }, (_, i) => pod(from + i));
export const last = <T>(list: T[]): T => {
  const item = list.at(-1);
  if (item === undefined) throw new Error('nothing was sent');
  return item;
};

/** Lets time pass until another question is sent. */
export function nextQuestion(clock: FakeClock, sent: Sent[]): Sent {
  const before = sent.length;
  while (sent.length === before) clock.advance(100);
  return last(sent);
}
