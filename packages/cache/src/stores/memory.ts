import { LRUCache } from 'lru-cache';
import { type Clock, systemClock } from '../clock.js';
import { CacheError } from '../errors.js';
import { checkKnown, integer } from '../option-checks.js';
import type {
  CacheStore,
  StoreChangeOptions,
  StoreClaim,
  StoreClaimResult,
  StoreInvalidation,
  StoreListener,
  StoreRead,
  StoreSubscription,
  StoreWrite,
} from '../store.js';

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Most keys kept, of all namespaces together; the least recently used one leaves.
   * @defaultValue 100,000
   */
  maxEntries?: number;
  /** @defaultValue the system's monotonic clock */
  clock?: Clock;
}

/** The state of a key: a value, or what remains of a deleted one so that older fences no longer hold. */
interface Slot {
  readonly bytes: Uint8Array | undefined;
  readonly expiresAt: number;
  /** Changes with every change of the key. */
  readonly change: number;
  readonly tags: readonly string[] | undefined;
  /** The sequence at the write. */
  readonly writtenAt: number;
}

/** Who makes the value of a key. */
interface Claim {
  /** What the key was when it was claimed: when it has changed, the claim is void. */
  readonly state: string;
  readonly token: string;
  expiresAt: number;
  /** Whether somebody else asked for it. */
  wanted: boolean;
}

/** How long a deletion is remembered: as long as a factory that started before it may run. */
const TOMBSTONE_MS = 60_000;

class MemoryStore implements CacheStore {
  readonly name = 'memory';
  readonly #clock: Clock;
  readonly #slots: LRUCache<string, Slot>;
  readonly #epochs = new Map<string, number>();
  /** Counts invalidations of tags. */
  #sequence = 0;
  /** The sequence at which a tag was invalidated last, or at which it was first used. */
  readonly #tags: LRUCache<string, number>;
  /** The latest of the records of tags that left: what is older may have been invalidated. */
  #forgotten = 0;
  /** Those that were not given up stay until somebody claims the key again: as many as there are keys at most. */
  readonly #claims: LRUCache<string, Claim>;
  readonly #listeners = new Map<string, Set<StoreListener>>();
  #changes = 0;
  #closed = false;

  constructor(maxEntries: number, clock: Clock) {
    this.#clock = clock;
    this.#slots = new LRUCache({ max: maxEntries });
    this.#claims = new LRUCache({ max: maxEntries });
    this.#tags = new LRUCache({
      max: maxEntries,
      dispose: (sequence, _tag, reason) => {
        if (reason === 'evict') this.#forgotten = Math.max(this.#forgotten, sequence);
      },
    });
  }

  async getMany(namespace: string, keys: readonly string[]): Promise<readonly StoreRead[]> {
    this.#checkOpen();
    const now = this.#clock.now();
    return keys.map((key) => {
      const slot = this.#live(namespace, key);
      const fence = `${this.#sequence}:${this.#state(namespace, key)}`;
      if (slot?.bytes === undefined || !this.#tagsHold(namespace, slot.tags, slot.writtenAt)) {
        const gone = { bytes: undefined, remainingMs: 0, fence };
        return slot === undefined ? gone : { ...gone, deleted: true };
      }
      const { bytes, expiresAt, tags } = slot;
      return { bytes, remainingMs: expiresAt - now, fence, tags };
    });
  }

  async setMany(
    namespace: string,
    writes: readonly StoreWrite[],
    options?: StoreChangeOptions,
  ): Promise<readonly boolean[]> {
    this.#checkOpen();
    const invalidated: string[] = [];
    const written = writes.map(({ key, bytes, ttlMs, fence, tags }) => {
      if (fence !== undefined && !this.#fenceHolds(namespace, key, fence, tags)) return false;
      this.#put(namespace, key, bytes, ttlMs, tags);
      if (fence === undefined) invalidated.push(key);
      return true;
    });
    if (invalidated.length > 0) this.#tell(namespace, { keys: invalidated }, options);
    return written;
  }

  async deleteMany(
    namespace: string,
    keys: readonly string[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    this.#checkOpen();
    for (const key of keys) this.#put(namespace, key, undefined, TOMBSTONE_MS);
    if (keys.length > 0) this.#tell(namespace, { keys }, options);
  }

  async clear(namespace: string, options?: StoreChangeOptions): Promise<void> {
    this.#checkOpen();
    this.#epochs.set(namespace, this.#epoch(namespace) + 1);
    this.#tell(namespace, { keys: 'all' }, options);
  }

  async invalidateTags(
    namespace: string,
    tags: readonly string[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    this.#checkOpen();
    this.#sequence += 1;
    for (const tag of tags) this.#tags.set(scoped(namespace, tag), this.#sequence);
    if (tags.length > 0) this.#tell(namespace, { keys: [], tags }, options);
  }

  async claimMany(
    namespace: string,
    claims: readonly StoreClaim[],
    ttlMs: number,
  ): Promise<readonly StoreClaimResult[]> {
    this.#checkOpen();
    const now = this.#clock.now();
    return claims.map(({ key, fence, token }) => {
      const state = this.#state(namespace, key);
      if (fence.split(':')[1] !== state) return 'changed';
      const name = scoped(namespace, key);
      const held = this.#claims.get(name);
      if (held === undefined || held.state !== state || held.expiresAt <= now) {
        this.#claims.set(name, { state, token, expiresAt: now + ttlMs, wanted: false });
        return 'held';
      }
      if (held.token === token) held.expiresAt = now + ttlMs;
      else held.wanted = true;
      return held.token === token ? 'held' : held.expiresAt - now;
    });
  }

  async releaseMany(
    namespace: string,
    claims: readonly StoreClaim[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    this.#checkOpen();
    const released: string[] = [];
    for (const { key, token } of claims) {
      const held = this.#claims.get(scoped(namespace, key));
      if (held?.token !== token) continue;
      this.#claims.delete(scoped(namespace, key));
      if (held.wanted) released.push(key);
    }
    if (released.length > 0) this.#tell(namespace, { keys: [], released }, options);
  }

  async ping(): Promise<void> {
    this.#checkOpen();
  }

  async subscribe(namespace: string, listener: StoreListener): Promise<StoreSubscription> {
    this.#checkOpen();
    const listeners = this.#listeners.get(namespace) ?? new Set();
    this.#listeners.set(namespace, listeners.add(listener));
    listener.onConnect();
    return {
      close: async () => {
        listeners.delete(listener);
      },
      // Listeners are told within the change.
      sync: async () => undefined,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#slots.clear();
    this.#tags.clear();
    this.#listeners.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #epoch(namespace: string): number {
    return this.#epochs.get(namespace) ?? 0;
  }

  /** The epoch is part of the key: what was written before a clear is out of reach at once, and leaves in time. */
  #slotKey(namespace: string, key: string): string {
    return `${namespace}\n${this.#epoch(namespace)}\n${key}`;
  }

  #live(namespace: string, key: string): Slot | undefined {
    const slotKey = this.#slotKey(namespace, key);
    const slot = this.#slots.get(slotKey);
    if (slot === undefined || slot.expiresAt > this.#clock.now()) return slot;
    this.#slots.delete(slotKey);
    return undefined;
  }

  /** What of a fence changes with the key. */
  #state(namespace: string, key: string): string {
    return `${this.#epoch(namespace)}.${this.#live(namespace, key)?.change ?? 0}`;
  }

  #fenceHolds(
    namespace: string,
    key: string,
    fence: string,
    tags: readonly string[] = [],
  ): boolean {
    const [seen, state] = fence.split(':');
    if (state !== this.#state(namespace, key)) return false;
    const latest = (tag: string): number =>
      this.#tags.get(scoped(namespace, tag)) ?? this.#forgotten;
    return tags.every((tag) => latest(tag) <= Number(seen));
  }

  /** Where the record of a tag has left, its entries count as invalidated. */
  #tagsHold(namespace: string, tags: readonly string[] = [], writtenAt: number): boolean {
    const latest = (tag: string): number =>
      this.#tags.get(scoped(namespace, tag)) ?? Number.POSITIVE_INFINITY;
    return tags.every((tag) => latest(tag) <= writtenAt);
  }

  #put(
    namespace: string,
    key: string,
    bytes: Uint8Array | undefined,
    ttlMs: number,
    tags?: readonly string[],
  ): void {
    this.#changes += 1;
    this.#slots.set(this.#slotKey(namespace, key), {
      bytes,
      expiresAt: this.#clock.now() + ttlMs,
      change: this.#changes,
      tags,
      writtenAt: this.#sequence,
    });
    for (const tag of tags ?? []) {
      const record = scoped(namespace, tag);
      if (!this.#tags.has(record)) this.#tags.set(record, this.#sequence);
    }
  }

  #tell(
    namespace: string,
    news: Omit<StoreInvalidation, 'origin'>,
    options: StoreChangeOptions | undefined,
  ): void {
    const invalidation = { origin: options?.origin ?? '', ...news };
    for (const listener of this.#listeners.get(namespace) ?? []) {
      listener.onInvalidate(invalidation);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new CacheError('CACHE_CLOSED', 'The memory store is closed');
  }
}

function scoped(namespace: string, name: string): string {
  return `${namespace}\n${name}`;
}

/**
 * A store in the memory of this process, with the same behaviour as a shared one: for tests, and for several caches of
 * one process that share entries.
 */
export function memoryStore(options: MemoryStoreOptions = {}): CacheStore {
  checkKnown(options, 'options', ['maxEntries', 'clock']);
  const { maxEntries = 100_000, clock = systemClock } = options;
  return new MemoryStore(integer('maxEntries', maxEntries, 2 ** 30), clock);
}
