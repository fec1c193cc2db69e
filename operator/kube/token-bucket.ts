/** Lets `burst` things happen at once and one more every `refillMs` after. */
export class TokenBucket {
  private tokens: number;
  private atMs: number | undefined;

  constructor(
    private readonly burst: number,
    private readonly refillMs: number,
  ) {
    this.tokens = burst;
  }

  /** Takes a token at the monotonic time `nowMs`; false when there is none. */
  take(nowMs: number): boolean {
    this.refill(nowMs);
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }

  /** Whether it is as good as new. */
  isFull(nowMs: number): boolean {
    this.refill(nowMs);
    return this.tokens >= this.burst;
  }

  private refill(nowMs: number): void {
    const elapsedMs = nowMs - (this.atMs ?? nowMs);
    this.tokens = Math.min(this.burst, this.tokens + elapsedMs / this.refillMs);
    this.atMs = nowMs;
  }
}
