const LIMIT_MS = 10_000;

/** Lets the event loop turn until `isTrue`; `between` runs in every turn (to move a fake clock). Fails after 10 s. */
export async function until(isTrue: () => boolean, between?: () => void): Promise<void> {
  const started = performance.now();
  while (!isTrue()) {
    if (performance.now() - started > LIMIT_MS) throw new Error(`never became true: ${isTrue.toString()}`);
    between?.();
    await turn();
  }
}

/** Lets the event loop turn `times` times: everything that needs no network or timer is done after. */
export async function turns(times = 5): Promise<void> {
  for (let i = 0; i < times; i += 1) await turn();
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
