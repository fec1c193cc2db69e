/** Objects by a key that several of them share, and by uid within it. */
export class KeyedIndex<V extends { uid: string }> {
  private readonly byKey = new Map<string, Map<string, V>>();

  put(key: string, value: V): void {
    const existing = this.byKey.get(key);
    if (existing) existing.set(value.uid, value);
    else this.byKey.set(key, new Map([[value.uid, value]]));
  }

  remove(key: string, uid: string): void {
    const existing = this.byKey.get(key);
    existing?.delete(uid);
    if (existing?.size === 0) this.byKey.delete(key);
  }

  of(key: string): V[] {
    return [...(this.byKey.get(key)?.values() ?? [])];
  }

  keys(): IterableIterator<string> {
    return this.byKey.keys();
  }
}
