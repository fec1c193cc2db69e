/** How much of everything a run measures. */
export interface Sizes {
  /** Idle Pods of the one hsd, stage by stage. */
  small: number;
  one: number;
  /** 0: left out. */
  big: number;
  /** Many hsds with a few Pods each. */
  hsds: number;
  podsPerHsd: number;
  hsdsPerNamespace: number;
  /** Reactions of each contender, at each size. */
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
  small: 6,
  one: 1_000,
  big: 5_000,
  hsds: 1_000,
  podsPerHsd: 10,
  hsdsPerNamespace: 50,
  samples: 300,
  restSeconds: 30,
  flipsPerSecond: 45,
  steadySeconds: 60,
  burst: 300,
  burstRounds: 3,
  coldRounds: 5,
  memorySettleSeconds: 20,
  rawSeconds: 5,
  probes: { targets: 10_000, periodSeconds: 10, hsds: 1_000, seconds: 40 },
};

/**
 * The full sizes with less of what takes long: hsds, samples and steady seconds. One hsd keeps its 1,000 Pods; the larger
 * one is left out where it would not be larger.
 * @param share above 0, at most 1
 */
export function scaled(share: number): Sizes {
  const part = (full: number, least: number): number => Math.max(least, Math.round(full * share));
  const big = part(FULL.big, 0);
  return {
    ...FULL,
    hsds: part(FULL.hsds, 10),
    big: big > FULL.one ? big : 0,
    samples: part(FULL.samples, 100),
    steadySeconds: part(FULL.steadySeconds, 30),
    coldRounds: part(FULL.coldRounds, 3),
  };
}

/** A look whether everything works: its times mean nothing. */
export const QUICK: Sizes = {
  small: 6,
  one: 20,
  big: 0,
  hsds: 10,
  podsPerHsd: 10,
  hsdsPerNamespace: 5,
  samples: 6,
  restSeconds: 5,
  flipsPerSecond: 5,
  steadySeconds: 4,
  burst: 15,
  burstRounds: 1,
  coldRounds: 1,
  memorySettleSeconds: 1,
  rawSeconds: 1,
  probes: { targets: 200, periodSeconds: 2, hsds: 10, seconds: 3 },
};
