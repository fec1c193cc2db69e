const KEPT_MESSAGES = 8;

/** Turns what the go command says on standard error into one honest line of progress. */
export class BuildProgress {
  /** Packages the build is made of, known after `go list`; most may come from Go's cache and are never named. */
  total = 0;
  private readonly started: number;
  private modules = 0;
  private compiled = 0;
  private linking = false;
  private rest = '';
  private readonly other: string[] = [];

  /** @param now - milliseconds on a clock that only goes forward. */
  constructor(
    private readonly name: string,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.started = now();
  }

  /** Any piece of standard error, cut anywhere. */
  read(chunk: string): void {
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.readLine(line);
  }

  /** The last lines that were neither a download nor a package: the errors, if any. */
  messages(): string[] {
    return [...this.other, this.rest].filter((line) => line !== '').slice(-KEPT_MESSAGES);
  }

  /** E.g. `control-plane: 812 of at most 2450 packages compiled (cached ones are skipped), 1 m 32 s`. */
  line(): string {
    return `${this.name}: ${this.phase()}, ${this.elapsed()}`;
  }

  /** Since the start, e.g. `1 m 32 s`. */
  elapsed(): string {
    const seconds = Math.round((this.now() - this.started) / 1000);
    return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  }

  private phase(): string {
    if (this.total === 0) return this.modules === 0 ? 'reading modules' : `fetching modules (${this.modules} so far)`;
    if (this.linking) return 'compiled, linking';
    return `${this.compiled} of at most ${this.total} packages compiled (cached ones are skipped)`;
  }

  private readLine(line: string): void {
    if (line.startsWith('go: downloading ')) this.modules++;
    // Import paths stand alone on their line; compiler messages have spaces or start with "#".
    else if (/^[\w./~-]+$/.test(line)) this.readPackage(line);
    else if (line !== '') this.other.push(line);
  }

  private readPackage(path: string): void {
    this.compiled++;
    // A program's own package is compiled last, in seconds; what follows is the linker, half a minute for a big one.
    if (path.endsWith(`/binaries/${this.name}`)) this.linking = true;
  }
}
