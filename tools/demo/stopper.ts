import type { Clock } from '../../operator/kube/clock';
import { Stopped } from './demo';

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** npm and tsx pass a signal on that the terminal has sent to the whole group already: it arrives up to three times. */
const ECHO_MS = 500;

/** Turns signals, the end key and failures into one orderly stop; a second signal ends the process at once. */
export class Stopper {
  /** The process's exit code after an orderly stop. */
  exitCode = 0;
  private readonly controller = new AbortController();
  private firstMs: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly onForce: (exitCode: number) => never,
  ) {}

  /** Aborts when it is time to stop. Its reason is Stopped, or an Error that says what broke. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Listens to the process's signals. */
  listen(): void {
    for (const name of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) process.on(name, () => this.signalled(name));
  }

  /** A person asked to stop: nothing is wrong. */
  quit(): void {
    this.begin(new Stopped('stopped'), 0);
  }

  /** Something broke that the demo cannot do without. */
  fail(why: string): void {
    this.begin(new Error(why), 1);
  }

  /** A signal has arrived. */
  signalled(name: keyof typeof SIGNALS): void {
    const exitCode = SIGNALS[name];
    if (this.firstMs !== undefined && this.clock.monotonic() - this.firstMs > ECHO_MS) this.onForce(exitCode);
    this.begin(new Stopped(`stopped by ${name}`), exitCode);
  }

  private begin(reason: Error, exitCode: number): void {
    if (this.signal.aborted) return;
    this.firstMs = this.clock.monotonic();
    this.exitCode = exitCode;
    this.controller.abort(reason);
  }
}
