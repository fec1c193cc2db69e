/** Measurements that need no sessions: rest, memory, cold start, probes, and what the API server itself can do. */
import type { ApiClient } from '../../operator/kube/client';
import { paths } from '../../operator/kube/paths';
import { NodeProcess } from '../base/node-process';
import { type AuditLog, total, type Writes } from './audit';
import { type BareInput, bareList } from './bare';
import type { PodLook } from './mirror';
import { Operator, type OperatorSettings } from './operator';
import { wait } from './pools';
import type { ColdStart, MemoryResult, RawPatches } from './results';
import type { Programs } from './rig';
import type { Sizes } from './sizes';
import { median, summarize } from './stats';
import type { ProbeFigures, ProbeSettings } from './workers/probe-worker';

const RAW_CONNECTIONS = 16;
const MEMORY_LOOKS = 5;

/** A status may be held back for two seconds, on a busy machine longer. */
const QUIET_SECONDS = 3;
const MOST_QUIET_ROUNDS = 20;

/** What the operator writes while nothing changes: from when it has written nothing for a while, or never stops to. */
export async function measureRest(audit: AuditLog, seconds: number): Promise<Writes> {
  for (let round = 0; round < MOST_QUIET_ROUNDS; round++) {
    const before = audit.position();
    await wait(QUIET_SECONDS * 1000);
    if (total(audit.since(before)) === 0) break;
  }
  const position = audit.position();
  await wait(seconds * 1000);
  return audit.since(position);
}

/** One annotation of Pods no contender looks at, as fast as 16 connections can. */
export async function measureRaw(api: ApiClient, pods: readonly PodLook[], seconds: number): Promise<RawPatches> {
  const latencies: number[] = [];
  const started = performance.now();
  const end = started + seconds * 1000;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      const pod = pods[next % pods.length];
      next += 1;
      if (pod === undefined) throw new Error('no Pod to patch');
      const sent = performance.now();
      const body = { metadata: { annotations: { 'bench.paia.tech/raw': String(next) } } };
      await api.mergePatch(paths.pods.one(pod.namespace, pod.name), body);
      latencies.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: RAW_CONNECTIONS }, worker));
  const perSecond = (latencies.length / (performance.now() - started)) * 1000;
  return { perSecond, latency: summarize(latencies), connections: RAW_CONNECTIONS };
}

/** A fresh operator's memory when it has been at rest for a while. */
export async function measureMemory(
  settings: OperatorSettings,
  pods: number,
  settleSeconds: number,
): Promise<MemoryResult['points'][number]> {
  const operator = await Operator.start(settings);
  try {
    await wait(settleSeconds * 1000);
    const rss: number[] = [];
    const heap: number[] = [];
    for (let look = 0; look < MEMORY_LOOKS; look++) {
      const { rssMb, heapMb } = await operator.figures();
      rss.push(rssMb);
      heap.push(heapMb);
      await wait(200);
    }
    return { pods, rssMb: median(rss), heapMb: median(heap) };
  } finally {
    await operator.stop();
  }
}

/** Operator and bare list in turn, `rounds` times each. */
export async function measureColdStart(
  settings: OperatorSettings,
  bare: BareInput,
  rounds: number,
): Promise<ColdStart> {
  const starts: Awaited<ReturnType<typeof Operator.coldStart>>[] = [];
  const lists: Awaited<ReturnType<typeof bareList>>[] = [];
  for (let round = 0; round < rounds; round++) {
    lists.push(await bareList(bare));
    starts.push(await Operator.coldStart(settings));
  }
  return {
    pods: lists[0]?.pods ?? 0,
    operator: median(starts.map(({ decided }) => decided)),
    bareList: median(lists.map(({ total }) => total)),
    operatorWithoutStart: median(starts.map(({ decided, starting }) => decided - starting)),
    bareListWithoutStart: median(lists.map(({ seconds }) => seconds)),
  };
}

/** The probe engine against one server that answers for all loopback addresses. */
export async function measureProbes(programs: Programs, sizes: Sizes['probes']): Promise<ProbeFigures> {
  const server = new NodeProcess({ name: 'pod server', args: [programs.worker('pod-server')] });
  try {
    const port = await server.result<number>('port');
    const settings: ProbeSettings = { ...sizes, port };
    const env = { PROBE_WORKER: JSON.stringify(settings) };
    const worker = new NodeProcess({ name: 'prober', args: [programs.worker('probe-worker')], env });
    return await worker.result<ProbeFigures>('probed');
  } finally {
    await server.stop();
  }
}
