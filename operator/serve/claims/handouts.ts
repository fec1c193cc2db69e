/**
 * Watches over claims on their way to their callers: one whose every answer was lost is taken back. An answer that was
 * written out counts as delivered; a request with the same session that comes in time takes the claim over.
 */
export class Handouts {
  /** Pods (uids) of claims that were made and that nobody has heard of yet, by session. */
  private readonly underWay = new Map<string, string>();
  /** Requests at work, by session: each may deliver what it finds. */
  private readonly requests = new Map<string, number>();

  /** @param takeBack nobody has heard of the claim of this session */
  constructor(private readonly takeBack: (id: string, uid: string) => void) {}

  /** A claim was made. */
  made(id: string, uid: string): void {
    this.underWay.set(id, uid);
  }

  /** A request for this session begins. Call the result once: whether it has delivered the session's Pod. */
  open(id: string): (delivered: boolean) => void {
    this.requests.set(id, (this.requests.get(id) ?? 0) + 1);
    return (delivered) => {
      const left = (this.requests.get(id) ?? 1) - 1;
      if (left > 0) this.requests.set(id, left);
      else this.requests.delete(id);
      if (delivered) this.forget(id);
      else this.check(id);
    };
  }

  /** Whether nobody has it and nobody is about to: asked once more the moment before it is taken back. */
  isAbandoned(id: string, uid: string): boolean {
    return this.underWay.get(id) === uid && !this.requests.has(id);
  }

  /** It is delivered, or over. */
  forget(id: string): void {
    this.underWay.delete(id);
  }

  private check(id: string): void {
    const uid = this.underWay.get(id);
    if (uid !== undefined && this.isAbandoned(id, uid)) this.takeBack(id, uid);
  }
}
