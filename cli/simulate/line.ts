/** Times in the order in which they were added, which is their own: a queue in one growing array. */
export class Line {
  private times = new Float64Array(1024);
  private head = 0;
  private tail = 0;

  get size(): number {
    return this.tail - this.head;
  }

  /** The earliest; infinity when there is none. */
  get first(): number {
    return this.head < this.tail ? (this.times[this.head] as number) : Number.POSITIVE_INFINITY;
  }

  push(time: number): void {
    if (this.tail === this.times.length) this.makeRoom();
    this.times[this.tail] = time;
    this.tail += 1;
  }

  /** Takes the earliest. */
  shift(): number {
    const { first } = this;
    this.head += 1;
    return first;
  }

  /** Takes the latest back. */
  pop(): void {
    this.tail -= 1;
  }

  private makeRoom(): void {
    const times = this.size * 2 > this.times.length ? new Float64Array(this.times.length * 2) : this.times;
    times.set(this.times.subarray(this.head, this.tail));
    this.tail -= this.head;
    this.head = 0;
    this.times = times;
  }
}
