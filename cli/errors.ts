/** What a person can mend, in one line that says how. The exit code is 2: the question was wrong, nothing was done. */
export class UsageError extends Error {
  readonly exitCode = 2;

  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
