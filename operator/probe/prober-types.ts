import type { ProbeReason } from './http-probe';

/** `spec.busyProbe.http` with its defaults filled in. */
export interface ProbeSpec {
  /** 1 to 65535. */
  readonly port: number;
  /** Starts with "/"; may hold a query. */
  readonly path: string;
  /** true: an answer 200 to 399 means busy, any other idle. false: the other way round. */
  readonly successIsBusy: boolean;
  /** Seconds from connecting to the end of the answer. */
  readonly timeoutSeconds: number;
  /** Seconds between two probes of one Pod. */
  readonly periodSeconds: number;
  /** Default: HTTP. */
  readonly scheme?: 'HTTP' | 'HTTPS';
  /** Failed probes in a row after which the last answer is given up; those out of turn give it up at once. Default: 1. */
  readonly failureThreshold?: number;
  /** Default: PodIP. */
  readonly via?: 'PodIP' | 'APIServerProxy';
}

/** A Pod to probe. */
export interface ProbePod {
  readonly uid: string;
  /** Needed for `via: APIServerProxy` alone. */
  readonly name?: string;
  /** `status.podIP`; undefined while the Pod has none: it is not probed then. */
  readonly ip: string | undefined;
  /** Pods on their node's network are never probed: their address is the node's. */
  readonly hostNetwork: boolean;
}

export type ProbeState = 'busy' | 'idle' | 'unknown';

/** What is known of one Pod. */
export interface ProbeResult {
  /** `unknown`: the last probes (`failureThreshold` of them) got no valid HTTP answer. Never read it as idle. */
  readonly state: ProbeState;
  /**
   * When the question `state` comes from was sent, in milliseconds since 1970: it speaks of a moment at or after it. A
   * failure below the threshold leaves it alone, so nobody takes the old answer for a new one.
   */
  readonly checkedAt: number;
  /** Why `state` is unknown; absent otherwise. */
  readonly reason?: ProbeReason;
  /** State of the last valid answer of this very Pod at this address; absent before the first. Equals `state` unless that is unknown. */
  readonly lastAnswer?: 'busy' | 'idle';
  /** Probes without a valid answer since the last one with. */
  readonly failures: number;
}

/** One finished probe, for metrics. */
export interface ProbeReport {
  readonly state: ProbeState;
  readonly reason?: ProbeReason;
  /** From sending to the outcome, in seconds. */
  readonly seconds: number;
  /** How much later than planned it was sent, in seconds. */
  readonly latenessSeconds: number;
}
