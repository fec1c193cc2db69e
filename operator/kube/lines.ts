const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines. Chunks may be split anywhere, inside a character too: lines are decoded as a whole, and
 * no byte of a multi-byte UTF-8 character equals a newline.
 */
export class LineSplitter {
  private pending: Buffer[] = [];

  /** The lines `chunk` completes, without their newlines. */
  *push(chunk: Buffer): Generator<string> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      yield this.complete(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.pending.push(chunk.subarray(start));
  }

  /** Bytes of an unfinished line so far. */
  get pendingBytes(): number {
    return this.pending.reduce((sum, part) => sum + part.length, 0);
  }

  private complete(tail: Buffer): string {
    if (this.pending.length === 0) return tail.toString('utf8');
    const line = Buffer.concat([...this.pending, tail]).toString('utf8');
    this.pending = [];
    return line;
  }
}
