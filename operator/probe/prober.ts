import type { Clock } from '../kube/clock';
import type { Logger } from '../kube/logger';
import { AddressPolicy } from './http-address';
import {
  type HttpOutcome,
  type HttpQuestion,
  PodIpTransport,
  type ProbeReason,
  type ProbeTransport,
} from './http-probe';
import { ProbeRunner, type Runnable, type Turn } from './prober-runner';
import { phaseOf } from './prober-schedule';
import type { ProbePod, ProbeReport, ProbeResult, ProbeSpec, ProbeState } from './prober-types';

export type { ProbeReason } from './http-probe';
export type { ProbePod, ProbeReport, ProbeResult, ProbeSpec, ProbeState } from './prober-types';

export interface ProberOptions {
  clock: Clock;
  /** The state of one of the hsd's Pods is another than before. Called synchronously: only queue the key. */
  onChange: (hsdKey: string) => void;
  logger: Logger;
  /** Most scheduled probes under way at once, half of them for one namespace. Default: 1,024. */
  maxConcurrent?: number;
  /** Exceptions from the refused addresses: LOOPBACK_CIDRS in test clusters. Default: none. */
  allowedCidrs?: readonly string[];
  /** Called after every probe. */
  onProbe?: (report: ProbeReport) => void;
  /** The way to the Pods' addresses. Default: HTTP GET over the operator's own network. */
  podIp?: ProbeTransport;
  /** The way through the API server. Default: none, and `via: APIServerProxy` fails. */
  apiServerProxy?: ProbeTransport;
}

interface Group {
  readonly key: string;
  readonly tenant: string;
  spec: ProbeSpec;
  readonly targets: Map<string, Target>;
}

/** What another value of makes another question: no answer to the old one counts. */
const QUESTION = ['scheme', 'port', 'path', 'successIsBusy', 'via'] as const;

/** Answers nothing. */
const NO_WAY: ProbeTransport = {
  send(_question, done) {
    const immediate = setImmediate(done, { reason: 'LocalError' });
    return { abort: () => clearImmediate(immediate) };
  },
  forget() {},
  close() {},
};

/** Distance between the first probes of many new Pods: 2,000 a second is a quarter of what one core can send. */
const FIRST_PROBE_SPACING_MS = 0.5;

/** One Pod at one address with one question. Another address or question makes another target, so no old answer is believed. */
class Target implements Runnable {
  at = 0;
  slot = -1;
  turns: readonly Turn[] = [];
  readonly phase: number;
  readonly question: HttpQuestion;
  result: ProbeResult | undefined;
  /** `order` of the turn `result` came from. */
  resultOrder = 0;

  constructor(
    readonly pod: ProbePod,
    readonly group: Group,
    readonly transport: ProbeTransport,
    /** False: the Pod is never connected to, or not yet. */
    readonly connectable: boolean,
  ) {
    this.phase = phaseOf(pod.uid);
    const { scheme = 'HTTP', port, path } = group.spec;
    this.question = { scheme, ip: pod.ip ?? '', port, path, namespace: group.tenant, name: pod.name ?? '' };
  }

  get uid(): string {
    return this.pod.uid;
  }

  get tenant(): string {
    return this.group.tenant;
  }

  get periodMs(): number {
    return Math.max(1, this.group.spec.periodSeconds) * 1000;
  }

  get failureThreshold(): number {
    return Math.max(1, this.group.spec.failureThreshold ?? 1);
  }

  get timeoutMs(): number {
    return Math.max(1, this.group.spec.timeoutSeconds) * 1000;
  }
}

/**
 * Asks Pods over HTTP whether they are busy: every hsd with its own period and timeout, Pods spread over the period.
 *
 * An answer counts only while the Pod is still a target with the same address and question, and nobody else claims that
 * address. No valid answer is `unknown`, never idle.
 */
export class Prober {
  private readonly addresses: AddressPolicy;
  private readonly runner: ProbeRunner;
  private readonly podIp: ProbeTransport;
  private readonly groups = new Map<string, Group>();
  private readonly targets = new Map<string, Target>();
  /** How many targets claim an address. */
  private readonly claims = new Map<string, number>();
  private nextFirstProbe = 0;
  private stopped = false;

  /** Throws RangeError when an entry of `allowedCidrs` is not a CIDR. */
  constructor(private readonly options: ProberOptions) {
    this.addresses = new AddressPolicy(options.allowedCidrs);
    this.podIp = options.podIp ?? new PodIpTransport();
    this.runner = new ProbeRunner({
      clock: options.clock,
      maxConcurrent: options.maxConcurrent ?? 1024,
      onOutcome: (turn, outcome) => this.settle(turn, outcome),
    });
  }

  /** Pods that are targets now. */
  get size(): number {
    return this.targets.size;
  }

  /**
   * Says which Pods of one hsd to probe and how: the full set, compared with the one before. A Pod whose address and
   * question stay keeps its schedule and its result; a new one is probed at once (a crowd of new ones a little spread).
   *
   * @param hsdKey - `namespace/name`
   */
  setTargets(hsdKey: string, spec: ProbeSpec, pods: readonly ProbePod[]): void {
    if (this.stopped) return;
    const group = this.group(hsdKey, spec);
    const before = group.spec;
    const sameQuestion = QUESTION.every((field) => before[field] === spec[field]);
    const newPeriod = before.periodSeconds !== spec.periodSeconds;
    group.spec = spec;
    const wanted = new Set<string>();
    for (const pod of pods) {
      wanted.add(pod.uid);
      const old = this.targets.get(pod.uid);
      const samePod = old?.group === group && old.pod.ip === pod.ip && old.pod.hostNetwork === pod.hostNetwork;
      if (!old || !samePod || !sameQuestion) this.replace(old, pod, group);
      else if (newPeriod) this.runner.hasten(old);
    }
    this.remove([...group.targets.values()].filter(({ uid }) => !wanted.has(uid)));
  }

  /** Forgets an hsd and its Pods; probes under way are dropped. */
  removeAll(hsdKey: string): void {
    const group = this.groups.get(hsdKey);
    if (!group) return;
    this.groups.delete(hsdKey);
    this.remove([...group.targets.values()]);
  }

  /** Forgets all hsds: another process asks their Pods from now on. */
  clear(): void {
    for (const key of [...this.groups.keys()]) this.removeAll(key);
  }

  /** What is known of a Pod; undefined when it is no target or was not probed yet. */
  result(uid: string): ProbeResult | undefined {
    return this.targets.get(uid)?.result;
  }

  /**
   * Probes a Pod now, whatever its schedule: the question is sent after this call. The result counts like any other.
   * Resolves with undefined when the Pod is no target (any more) or has no address yet; with its standing result when
   * it must not be connected to. Rejects with the signal's reason when that aborts first.
   */
  probeNow(uid: string, signal?: AbortSignal): Promise<ProbeResult | undefined> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const target = this.targets.get(uid);
      if (!target?.connectable) return resolve(target?.result);
      const onAbort = (): void => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.runner.urge(target, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve(this.targets.get(uid) === target ? target.result : undefined);
      });
    });
  }

  /** Drops everything under way. No Pod is probed and no callback called any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.groups.clear();
    this.remove([...this.targets.values()]);
    this.runner.stop();
    this.podIp.close();
    this.options.apiServerProxy?.close();
  }

  private group(key: string, spec: ProbeSpec): Group {
    const known = this.groups.get(key);
    if (known) return known;
    const [tenant = ''] = key.split('/', 1);
    const group: Group = { key, tenant, spec, targets: new Map() };
    this.groups.set(key, group);
    return group;
  }

  private replace(old: Target | undefined, pod: ProbePod, group: Group): void {
    if (old) this.remove([old]);
    const refusal = this.refusal(pod);
    const target = new Target(pod, group, this.transport(group.spec), pod.ip !== undefined && !refusal);
    this.targets.set(pod.uid, target);
    group.targets.set(pod.uid, target);
    if (refusal) {
      this.options.logger.warn({ hsd: group.key, pod: pod.uid, reason: refusal }, 'Pod must not be probed');
      this.record(target, 'unknown', this.options.clock.monotonic(), refusal);
    } else if (pod.ip !== undefined) {
      this.claims.set(pod.ip, (this.claims.get(pod.ip) ?? 0) + 1);
      this.runner.add(target, this.firstProbeAt(target.periodMs));
    }
  }

  private transport({ via }: ProbeSpec): ProbeTransport {
    return via === 'APIServerProxy' ? (this.options.apiServerProxy ?? NO_WAY) : this.podIp;
  }

  private refusal({ ip, hostNetwork }: ProbePod): ProbeReason | undefined {
    if (hostNetwork) return 'HostNetwork';
    return ip !== undefined && !this.addresses.permits(ip) ? 'BadAddress' : undefined;
  }

  /** Now for one Pod; a crowd spreads over up to half a period. */
  private firstProbeAt(periodMs: number): number {
    const now = this.options.clock.monotonic();
    const at = Math.min(Math.max(now, this.nextFirstProbe), now + periodMs / 2);
    this.nextFirstProbe = Math.max(this.nextFirstProbe, at + FIRST_PROBE_SPACING_MS);
    return at;
  }

  private remove(targets: readonly Target[]): void {
    for (const target of targets) {
      this.targets.delete(target.uid);
      target.group.targets.delete(target.uid);
      if (target.connectable) this.unclaim(target.question.ip);
    }
    this.runner.remove(targets);
  }

  private unclaim(ip: string): void {
    const left = (this.claims.get(ip) ?? 1) - 1;
    if (left > 0) this.claims.set(ip, left);
    else this.claims.delete(ip);
  }

  private settle(turn: Turn, outcome: HttpOutcome): void {
    const target = this.targets.get(turn.target.uid);
    if (target !== turn.target) return;
    const shared = (this.claims.get(target.question.ip) ?? 0) > 1;
    const believed: HttpOutcome = shared ? { reason: 'SharedAddress' } : outcome;
    const reason = 'reason' in believed ? believed.reason : undefined;
    const state = 'status' in believed ? stateOf(believed.status, target.group.spec.successIsBusy) : 'unknown';
    this.options.onProbe?.({
      state,
      reason,
      seconds: (this.options.clock.monotonic() - turn.sentAt) / 1000,
      latenessSeconds: Math.max(0, turn.sentAt - turn.dueAt) / 1000,
    });
    // An answer to an older question than the newest one answered says nothing new.
    if (turn.order < target.resultOrder) return;
    target.resultOrder = turn.order;
    this.record(target, state, turn.sentAt, reason, turn.urgent);
  }

  private record(target: Target, state: ProbeState, checkedAt: number, reason?: ProbeReason, urgent = false): void {
    const before = target.result;
    const failures = state === 'unknown' ? (before?.failures ?? 0) + 1 : 0;
    // Whoever asks out of turn is about to end the Pod. And two Pods at one address are no passing failure: the last
    // answer may have been the other's already.
    const excused = !urgent && reason !== 'SharedAddress' && failures > 0 && failures < target.failureThreshold;
    if (before && before.state !== 'unknown' && excused) {
      target.result = { ...before, failures };
      return;
    }
    target.result =
      state === 'unknown'
        ? { state, checkedAt, reason, lastAnswer: before?.lastAnswer, failures }
        : { state, checkedAt, lastAnswer: state, failures };
    if (before?.state === state) return;
    const { key } = target.group;
    this.options.logger.debug(
      { hsd: key, pod: target.pod.uid, from: before?.state, to: state, reason },
      'probe result changed',
    );
    this.options.onChange(key);
  }
}

/** 200 to 399 is success, as for the kubelet; a redirect is an answer, not an errand. */
function stateOf(status: number, successIsBusy: boolean): 'busy' | 'idle' {
  const success = status >= 200 && status <= 399;
  return success === successIsBusy ? 'busy' : 'idle';
}
