/**
 * The operator's probe engine alone, in a process of its own. Reads PROBE_WORKER (JSON: ProbeSettings), writes
 * `probed` and a ProbeFigures to standard output.
 */
import { randomUUID } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../../../operator/kube/clock';
import { silentLogger } from '../../../operator/kube/logger';
import { LOOPBACK_CIDRS } from '../../../operator/probe/http-address';
import { Prober } from '../../../operator/probe/prober';
import { percentile } from '../stats';

export interface ProbeSettings {
  /** Where every loopback address answers. */
  port: number;
  targets: number;
  hsds: number;
  periodSeconds: number;
  /** After one and a fifth periods, in which every target has been asked once. */
  seconds: number;
}

export interface ProbeFigures {
  probes: number;
  perSecond: number;
  /** No valid answer. */
  unknown: number;
  latenessP50Ms: number;
  latenessP99Ms: number;
  /** From sending to the answer. */
  answerP99Ms: number;
  /** Of one core. */
  cpuPercent: number;
  loopP99Ms: number;
  rssMb: number;
}

const RESOLUTION_MS = 5;
const settings = JSON.parse(process.env.PROBE_WORKER ?? '{}') as ProbeSettings;
const lateness: number[] = [];
const answers: number[] = [];
let unknown = 0;
let measuring = false;

const prober = new Prober({
  clock: systemClock,
  logger: silentLogger,
  onChange() {},
  allowedCidrs: LOOPBACK_CIDRS,
  onProbe(report) {
    if (!measuring) return;
    lateness.push(report.latenessSeconds * 1000);
    answers.push(report.seconds * 1000);
    if (report.state === 'unknown') unknown += 1;
  },
});

function addTargets(): void {
  const { targets, hsds, port, periodSeconds } = settings;
  const perHsd = Math.ceil(targets / hsds);
  const spec = { port, path: '/busy', successIsBusy: true, timeoutSeconds: 1, periodSeconds };
  for (let hsd = 0; hsd < hsds; hsd++) {
    const pods = Array.from({ length: perHsd }, (_, index) => {
      const number = hsd * perHsd + index;
      // 127.1.0.0 up: free on every Linux, and answered for by a server on 0.0.0.0.
      const ip = `127.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
      return { uid: randomUUID(), ip, hostNetwork: false };
    });
    prober.setTargets(`ns-${hsd % 20}/hsd-${hsd}`, spec, pods);
  }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function run(): Promise<void> {
  addTargets();
  await wait(settings.periodSeconds * 1200);
  const cpu = process.cpuUsage();
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const started = performance.now();
  measuring = true;
  await wait(settings.seconds * 1000);
  measuring = false;
  const elapsed = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  const figures: ProbeFigures = {
    probes: lateness.length,
    perSecond: (lateness.length / elapsed) * 1000,
    unknown,
    latenessP50Ms: percentile(lateness, 0.5),
    latenessP99Ms: percentile(lateness, 0.99),
    answerP99Ms: percentile(answers, 0.99),
    cpuPercent: (user + system) / elapsed / 10,
    // Node counts the whole interval, the part it was meant to wait included.
    loopP99Ms: Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS),
    rssMb: process.memoryUsage.rss() / 1e6,
  };
  await prober.stop();
  process.stdout.write(`probed ${JSON.stringify(figures)}\n`);
}

run().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  },
);
