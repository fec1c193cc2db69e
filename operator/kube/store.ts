import type { Clock } from './clock';
import { compareResourceVersions } from './resource-version';

/** What the store must know of an object. */
export interface Versioned {
  uid: string;
  /** Empty for cluster-scoped objects. */
  namespace: string;
  name: string;
  resourceVersion: string;
}

/** `previous` absent: added. `current` absent: deleted. Both: changed. */
export interface Change<V> {
  current?: V;
  previous?: V;
}

/**
 * Longest time a deleted object's uid is remembered: replies arrive within the request deadline of 30 s, so an own write
 * that overtook the deletion is recognised for certain.
 */
const TOMBSTONE_MS = 120_000;

interface Tombstone {
  resourceVersion: string;
  at: number;
}

/**
 * Objects of one collection by uid and by name, never going back in time: what is older than the stored object, than its
 * deletion, or than a list without it is ignored, whatever order events and replies of own writes arrive in.
 */
export class Store<V extends Versioned> {
  private readonly objects = new Map<string, V>();
  private readonly names = new Map<string, Map<string, V>>();
  /** In order of `at`. */
  private readonly tombstones = new Map<string, Tombstone>();
  private newest = '0';
  /** Version of the last complete list: what is as old and not stored was gone by then, seen before or not. */
  private listedAt = '0';

  constructor(
    private readonly clock: Clock,
    private readonly onChange: (change: Change<V>) => void,
  ) {}

  get size(): number {
    return this.objects.size;
  }

  byUid(uid: string): V | undefined {
    return this.objects.get(uid);
  }

  get(namespace: string, name: string): V | undefined {
    return this.names.get(namespace)?.get(name);
  }

  values(): IterableIterator<V> {
    return this.objects.values();
  }

  /** Highest resourceVersion ever seen. */
  get newestVersion(): string {
    return this.newest;
  }

  /** Adds or changes an object, unless what is known about it is as new. */
  put(object: V): void {
    this.saw(object.resourceVersion);
    if (this.isStale(object)) return;
    const namesake = this.get(object.namespace, object.name);
    if (namesake !== undefined && namesake.uid !== object.uid) {
      // Deleted and created again, and the event between was lost.
      if (compareResourceVersions(namesake.resourceVersion, object.resourceVersion) > 0) return;
      this.remove(namesake.uid, object.resourceVersion);
    }
    this.tombstones.delete(object.uid);
    const previous = this.objects.get(object.uid);
    this.objects.set(object.uid, object);
    this.setName(object);
    this.onChange({ current: object, previous });
  }

  /** The object was deleted, or left the selection, at `resourceVersion`. */
  remove(uid: string, resourceVersion: string): void {
    this.saw(resourceVersion);
    const previous = this.objects.get(uid);
    if (previous !== undefined && compareResourceVersions(previous.resourceVersion, resourceVersion) > 0) return;
    this.bury(uid, resourceVersion);
    if (previous === undefined) return;
    this.objects.delete(uid);
    this.deleteName(previous);
    this.onChange({ previous });
  }

  /**
   * Takes over a complete list made at `resourceVersion`: what it lacks is deleted, except objects newer than the list
   * (replies of own writes that were made after it).
   */
  replace(objects: V[], resourceVersion: string): void {
    this.saw(resourceVersion);
    const listed = new Set(objects.map((object) => object.uid));
    for (const object of [...this.objects.values()]) {
      if (!listed.has(object.uid)) this.remove(object.uid, resourceVersion);
    }
    this.listedAt = '0'; // The earlier list has no say in what this one brings.
    for (const object of objects) this.put(object);
    this.listedAt = resourceVersion;
  }

  /**
   * Forgets all order: the server's history has gone back (etcd restored from a backup), so stored versions mean nothing.
   * Everything is deleted; the next `replace` adds what there is.
   */
  clear(): void {
    const all = [...this.objects.values()];
    this.objects.clear();
    this.names.clear();
    this.tombstones.clear();
    this.newest = '0';
    this.listedAt = '0';
    for (const previous of all) this.onChange({ previous });
  }

  private isStale(object: V): boolean {
    const isUpTo = (version: string): boolean => compareResourceVersions(object.resourceVersion, version) <= 0;
    const stored = this.objects.get(object.uid);
    if (stored !== undefined) return isUpTo(stored.resourceVersion);
    const tombstone = this.tombstones.get(object.uid);
    return isUpTo(this.listedAt) || (tombstone !== undefined && isUpTo(tombstone.resourceVersion));
  }

  private saw(resourceVersion: string): void {
    if (compareResourceVersions(resourceVersion, this.newest) > 0) this.newest = resourceVersion;
  }

  private bury(uid: string, resourceVersion: string): void {
    const at = this.clock.monotonic();
    const buried = this.tombstones.get(uid);
    this.tombstones.delete(uid);
    const isNewer = buried === undefined || compareResourceVersions(resourceVersion, buried.resourceVersion) > 0;
    this.tombstones.set(uid, { resourceVersion: isNewer ? resourceVersion : buried.resourceVersion, at });
    for (const [oldUid, tombstone] of this.tombstones) {
      if (at - tombstone.at <= TOMBSTONE_MS) break;
      this.tombstones.delete(oldUid);
    }
  }

  private setName(object: V): void {
    let names = this.names.get(object.namespace);
    if (names === undefined) {
      names = new Map();
      this.names.set(object.namespace, names);
    }
    names.set(object.name, object);
  }

  private deleteName(object: V): void {
    const names = this.names.get(object.namespace);
    if (names?.get(object.name)?.uid !== object.uid) return;
    names.delete(object.name);
    if (names.size === 0) this.names.delete(object.namespace);
  }
}
