/** How much of everything a run measures. */
export interface Sizes {
  /** Idle Pods of the one hsd, stage by stage. */
  one: readonly { pods: number; samples: number; isBurst?: true }[];
  /** The same, made when all the others are there; 0: left out. */
  big: number;
  /** Many hsds with a few Pods each. */
  hsds: number;
  podsPerHsd: number;
  hsdsPerNamespace: number;
  /** Of these hsds as many as an operator for two namespaces sees: reactions of each contender there; 0: left out. */
  partSamples: number;
  /** Reactions of each contender with all hsds, and with the big one. */
  samples: number;
  restSeconds: number;
  flipsPerSecond: number;
  steadySeconds: number;
  /** Pods that turn busy at once, and how often. */
  burst: number;
  burstRounds: number;
  coldRounds: number;
  /** From the operator's readiness to the first look at its memory. */
  memorySettleSeconds: number;
  rawSeconds: number;
  probes: { targets: number; periodSeconds: number; hsds: number; seconds: number };
}

export const FULL: Sizes = {
  one: [
    { pods: 6, samples: 300 },
    { pods: 100, samples: 100 },
    { pods: 1_000, samples: 300, isBurst: true },
  ],
  big: 5_000,
  hsds: 1_000,
  podsPerHsd: 10,
  hsdsPerNamespace: 50,
  partSamples: 100,
  samples: 300,
  restSeconds: 30,
  flipsPerSecond: 45,
  steadySeconds: 60,
  burst: 300,
  burstRounds: 3,
  coldRounds: 5,
  memorySettleSeconds: 15,
  rawSeconds: 5,
  probes: { targets: 10_000, periodSeconds: 10, hsds: 1_000, seconds: 40 },
};

/**
 * The full sizes with less of what takes long: Pods, hsds, samples and seconds. Every stage stays, so that a small run shows
 * that a full one would not break.
 * @param share above 0, at most 1
 */
export function scaled(share: number): Sizes {
  if (share === 1) return FULL;
  const part = (full: number, least: number): number => Math.min(full, Math.max(least, Math.round(full * share)));
  const { one, probes } = FULL;
  return {
    ...FULL,
    one: one.map((stage) => ({ ...stage, pods: part(stage.pods, 6), samples: part(stage.samples, 10) })),
    hsds: part(FULL.hsds, 10),
    hsdsPerNamespace: part(FULL.hsdsPerNamespace, 2),
    big: part(FULL.big, 20),
    partSamples: part(FULL.partSamples, 10),
    samples: part(FULL.samples, 10),
    restSeconds: part(FULL.restSeconds, 5),
    flipsPerSecond: part(FULL.flipsPerSecond, 5),
    steadySeconds: part(FULL.steadySeconds, 10),
    burst: part(FULL.burst, 6),
    coldRounds: part(FULL.coldRounds, 1),
    memorySettleSeconds: part(FULL.memorySettleSeconds, 2),
    rawSeconds: part(FULL.rawSeconds, 1),
    probes: { ...probes, targets: part(probes.targets, 200), seconds: part(probes.seconds, 10) },
  };
}

/** A look whether everything works: its times mean nothing. */
export const QUICK: Sizes = {
  one: [{ pods: 6, samples: 4 }],
  big: 0,
  hsds: 6,
  podsPerHsd: 5,
  hsdsPerNamespace: 3,
  partSamples: 0,
  samples: 4,
  restSeconds: 5,
  flipsPerSecond: 4,
  steadySeconds: 3,
  burst: 9,
  burstRounds: 1,
  coldRounds: 1,
  memorySettleSeconds: 1,
  rawSeconds: 1,
  probes: { targets: 200, periodSeconds: 1, hsds: 10, seconds: 2 },
};
