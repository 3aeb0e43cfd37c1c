import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.js';
import { estimateBytes } from './estimate-bytes.js';
import type { ResolvedL1 } from './options.js';
import type { L1Stats } from './stats.js';

/** An entry in the memory of this process. */
export interface L1Entry {
  readonly value: unknown;
  readonly createdAt: number;
  readonly expiresAt: number;
  reads: number;
  /** The resolved promise of the value, made at the first awaited hit: later hits allocate nothing. */
  promise: Promise<unknown> | undefined;
}

/** The tier in the memory of this process: least recently used leaves first; expiry is checked at every read. */
export class MemoryTier {
  readonly #clock: Clock;
  readonly #limits: ResolvedL1;
  #entries: LRUCache<string, L1Entry>;
  #hits = 0;
  #misses = 0;
  #evictions = 0;

  constructor(limits: ResolvedL1, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#entries = this.#create();
  }

  #create(): LRUCache<string, L1Entry> {
    const { maxEntries: max, maxBytes, sizeOf = estimateBytes } = this.#limits;
    const dispose = (_entry: L1Entry, _key: string, reason: string): void => {
      if (reason === 'evict') this.#evictions += 1;
    };
    if (maxBytes === undefined) return new LRUCache({ max, dispose });
    const sizeCalculation = (entry: L1Entry, key: string): number =>
      Math.max(1, Math.ceil(sizeOf(entry.value, key)) || 1);
    return new LRUCache({ max, maxSize: maxBytes, sizeCalculation, dispose });
  }

  /** A live entry, counted as a hit or a miss. */
  read(key: string): L1Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.expiresAt > this.#clock.now()) {
      this.#hits += 1;
      entry.reads += 1;
      return entry;
    }
    if (entry !== undefined) this.#entries.delete(key);
    this.#misses += 1;
    return undefined;
  }

  /** A live entry, without any trace of having looked. */
  inspect(key: string): L1Entry | undefined {
    const entry = this.#entries.peek(key);
    return entry !== undefined && entry.expiresAt > this.#clock.now() ? entry : undefined;
  }

  set(key: string, value: unknown, createdAt: number, ttlMs: number): void {
    const expiresAt = this.#clock.now() + Math.min(ttlMs, this.#limits.ttlMs);
    this.#entries.set(key, { value, createdAt, expiresAt, reads: 0, promise: undefined });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** A new, empty map: the time does not depend on how many entries there were. */
  clear(): void {
    this.#entries = this.#create();
  }

  stats(): L1Stats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      entries: this.#entries.size,
      bytes: this.#entries.calculatedSize,
      maxEntries: this.#limits.maxEntries,
      maxBytes: this.#limits.maxBytes ?? null,
      evictions: this.#evictions,
    };
  }
}
