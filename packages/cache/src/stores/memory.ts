import { LRUCache } from 'lru-cache';
import { type Clock, systemClock } from '../clock.js';
import { CacheError } from '../errors.js';
import { checkKnown, optionInvalid } from '../options.js';
import type {
  CacheStore,
  StoreChangeOptions,
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
}

/** How long a deletion is remembered: as long as a factory that started before it may run. */
const TOMBSTONE_MS = 60_000;

class MemoryStore implements CacheStore {
  readonly name = 'memory';
  readonly #clock: Clock;
  readonly #slots: LRUCache<string, Slot>;
  readonly #epochs = new Map<string, number>();
  readonly #listeners = new Map<string, Set<StoreListener>>();
  #changes = 0;
  #closed = false;

  constructor(maxEntries: number, clock: Clock) {
    this.#clock = clock;
    this.#slots = new LRUCache({ max: maxEntries });
  }

  async getMany(namespace: string, keys: readonly string[]): Promise<readonly StoreRead[]> {
    this.#checkOpen();
    const now = this.#clock.now();
    return keys.map((key) => {
      const slot = this.#live(namespace, key);
      const bytes = slot?.bytes;
      const remainingMs = slot === undefined || bytes === undefined ? 0 : slot.expiresAt - now;
      return { bytes, remainingMs, fence: this.#fence(namespace, key) };
    });
  }

  async setMany(
    namespace: string,
    writes: readonly StoreWrite[],
    options?: StoreChangeOptions,
  ): Promise<readonly boolean[]> {
    this.#checkOpen();
    const invalidated: string[] = [];
    const written = writes.map(({ key, bytes, ttlMs, fence }) => {
      if (fence !== undefined && fence !== this.#fence(namespace, key)) return false;
      this.#put(namespace, key, bytes, ttlMs);
      if (fence === undefined) invalidated.push(key);
      return true;
    });
    if (invalidated.length > 0) this.#publish(namespace, invalidated, options);
    return written;
  }

  async deleteMany(
    namespace: string,
    keys: readonly string[],
    options?: StoreChangeOptions,
  ): Promise<void> {
    this.#checkOpen();
    for (const key of keys) this.#put(namespace, key, undefined, TOMBSTONE_MS);
    if (keys.length > 0) this.#publish(namespace, keys, options);
  }

  async clear(namespace: string, options?: StoreChangeOptions): Promise<void> {
    this.#checkOpen();
    this.#epochs.set(namespace, this.#epoch(namespace) + 1);
    this.#publish(namespace, 'all', options);
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
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#slots.clear();
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

  #fence(namespace: string, key: string): string {
    return `${this.#epoch(namespace)}.${this.#live(namespace, key)?.change ?? 0}`;
  }

  #put(namespace: string, key: string, bytes: Uint8Array | undefined, ttlMs: number): void {
    this.#changes += 1;
    const expiresAt = this.#clock.now() + ttlMs;
    this.#slots.set(this.#slotKey(namespace, key), { bytes, expiresAt, change: this.#changes });
  }

  #publish(
    namespace: string,
    keys: StoreInvalidation['keys'],
    options: StoreChangeOptions | undefined,
  ): void {
    const invalidation = { origin: options?.origin ?? '', keys };
    for (const listener of this.#listeners.get(namespace) ?? []) {
      listener.onInvalidate(invalidation);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new CacheError('CACHE_CLOSED', 'The memory store is closed');
  }
}

/**
 * A store in the memory of this process, with the same behaviour as a shared one: for tests, and for several caches of
 * one process that share entries.
 */
export function memoryStore(options: MemoryStoreOptions = {}): CacheStore {
  checkKnown(options, 'options', ['maxEntries', 'clock']);
  const { maxEntries = 100_000, clock = systemClock } = options;
  if (!Number.isInteger(maxEntries) || maxEntries < 1 || maxEntries > 2 ** 30) {
    throw optionInvalid('maxEntries', `an integer from 1 to ${2 ** 30}`, maxEntries);
  }
  return new MemoryStore(maxEntries, clock);
}
