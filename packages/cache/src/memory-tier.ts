import type { Clock } from './clock.js';
import { readingClock } from './coarse-clock.js';
import { estimateBytes } from './estimate-bytes.js';
import { LruPolicy } from './eviction/lru.js';
import { type EvictionPolicy, longer } from './eviction/policy.js';
import { TinyLfuPolicy } from './eviction/tiny-lfu.js';
import type { ResolvedL1 } from './options.js';
import type { L1Stats } from './stats.js';

/** What is known of an entry in the memory of this process. */
export interface L1Entry {
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly reads: number;
}

const FIRST_CAPACITY = 1_024;
const float64 = (capacity: number): Float64Array => new Float64Array(capacity);
const uint32 = (capacity: number): Uint32Array => new Uint32Array(capacity);

/**
 * The tier in the memory of this process. Expiry is checked at every read; what leaves to make room is the policy's
 * choice.
 *
 * An entry is a slot, and each thing known of it is in an array of its own: half the memory of an object an entry, and
 * nothing for the collector to visit but keys and values. Slot 0 is never used.
 */
export class MemoryTier {
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #limits: ResolvedL1;
  readonly #maxBytes: number;
  #slots = new Map<string, number>();
  #policy: EvictionPolicy;
  #capacity: number;
  #keys: (string | undefined)[] = [undefined];
  #values: unknown[] = [undefined];
  /**
   * The resolved promises of values, made at the first awaited hit: later hits allocate nothing. As long as nobody
   * awaits, empty.
   */
  #promises: (Promise<unknown> | undefined)[] = [];
  #createdAt: Float64Array;
  #expiresAt: Float64Array;
  #reads: Uint32Array;
  /** Empty unless there is a limit by bytes. */
  #sizes: Float64Array = float64(0);
  #free: number[] = [];
  /** Slots ever used. */
  #used = 0;
  #bytes = 0;
  #hits = 0;
  #misses = 0;
  #evictions = 0;

  constructor(limits: ResolvedL1, clock: Clock) {
    this.#limits = limits;
    this.#maxBytes = limits.maxBytes ?? Number.POSITIVE_INFINITY;
    this.#clock = clock;
    this.#now = readingClock(clock);
    this.#capacity = this.#firstCapacity();
    this.#policy = this.#newPolicy();
    this.#createdAt = float64(this.#capacity);
    this.#expiresAt = float64(this.#capacity);
    this.#reads = uint32(this.#capacity);
    if (limits.maxBytes !== undefined) this.#sizes = float64(this.#capacity);
  }

  /** A value that is alive, counted as a hit; `undefined`, counted as a miss, when there is none. */
  read(key: string): unknown {
    const slot = this.#slots.get(key);
    if (slot === undefined || !this.#isLive(slot)) return this.#missed(key, slot);
    this.#hits += 1;
    this.#reads[slot] = (this.#reads[slot] as number) + 1;
    this.#policy.touch(slot);
    return this.#values[slot];
  }

  /** {@link read} as a promise, the same one at each hit of an entry. */
  readPromise(key: string): Promise<unknown> | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || !this.#isLive(slot)) return this.#missed(key, slot);
    this.#hits += 1;
    this.#reads[slot] = (this.#reads[slot] as number) + 1;
    this.#policy.touch(slot);
    return this.#promises[slot] ?? this.#promise(slot);
  }

  #isLive(slot: number): boolean {
    return (this.#expiresAt[slot] as number) > this.#now();
  }

  #missed(key: string, slot: number | undefined): undefined {
    this.#misses += 1;
    if (slot !== undefined) this.#remove(key, slot);
    return undefined;
  }

  #promise(slot: number): Promise<unknown> {
    const promise = Promise.resolve(this.#values[slot]);
    while (this.#promises.length <= slot) this.#promises.push(undefined);
    this.#promises[slot] = promise;
    return promise;
  }

  #forgetPromise(slot: number): void {
    if (slot < this.#promises.length) this.#promises[slot] = undefined;
  }

  /** A live entry, without any trace of having looked. */
  inspect(key: string): L1Entry | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || !this.#isLive(slot)) return undefined;
    return {
      createdAt: this.#createdAt[slot] as number,
      expiresAt: this.#expiresAt[slot] as number,
      reads: this.#reads[slot] as number,
    };
  }

  /**
   * Keeps a value in place of an older one. One that is larger than all there is room for is not kept.
   * @param createdAt - now, when not given
   */
  set(key: string, value: unknown, ttlMs: number, createdAt?: number): void {
    const size = this.#sizeOf(value, key);
    const known = this.#slots.get(key);
    if (size > this.#maxBytes) {
      if (known !== undefined) this.#remove(key, known);
      return;
    }
    const slot = known ?? this.#add(key);
    if (known !== undefined) this.#policy.touch(slot);
    this.#values[slot] = value;
    this.#forgetPromise(slot);
    const now = this.#clock.now();
    this.#createdAt[slot] = createdAt ?? now;
    this.#expiresAt[slot] = now + Math.min(ttlMs, this.#limits.ttlMs);
    this.#reads[slot] = 0;
    if (size > 0) {
      this.#bytes += size - (this.#sizes[slot] as number);
      this.#sizes[slot] = size;
    }
    while (this.#slots.size > this.#limits.maxEntries || this.#bytes > this.#maxBytes) {
      this.#evict(slot);
    }
  }

  /** 0: there is no limit by bytes. */
  #sizeOf(value: unknown, key: string): number {
    if (this.#limits.maxBytes === undefined) return 0;
    const { sizeOf = estimateBytes } = this.#limits;
    return Math.max(1, Math.ceil(sizeOf(value, key)) || 1);
  }

  #add(key: string): number {
    let slot = this.#free.pop();
    if (slot === undefined) {
      this.#used += 1;
      slot = this.#used;
      if (slot >= this.#capacity) this.#grow();
    }
    this.#slots.set(key, slot);
    this.#keys[slot] = key;
    this.#policy.add(slot, key);
    return slot;
  }

  #evict(written: number): void {
    const slot = this.#policy.victim(written);
    this.#evictions += 1;
    this.#remove(this.#keys[slot] as string, slot);
  }

  #remove(key: string, slot: number): void {
    this.#slots.delete(key);
    this.#policy.remove(slot);
    this.#keys[slot] = undefined;
    this.#values[slot] = undefined;
    this.#forgetPromise(slot);
    this.#free.push(slot);
    if (this.#limits.maxBytes === undefined) return;
    this.#bytes -= this.#sizes[slot] as number;
    this.#sizes[slot] = 0;
  }

  /** Slot 0, as many slots as entries, and one for the entry that comes before another leaves. */
  #firstCapacity(): number {
    return Math.min(this.#limits.maxEntries + 2, FIRST_CAPACITY);
  }

  #newPolicy(): EvictionPolicy {
    return this.#limits.policy === 'tinylfu'
      ? new TinyLfuPolicy(this.#capacity, this.#limits.maxEntries)
      : new LruPolicy(this.#capacity);
  }

  #grow(): void {
    this.#capacity = Math.min(this.#limits.maxEntries + 2, this.#capacity * 2);
    this.#policy.grow(this.#capacity);
    this.#createdAt = longer(this.#createdAt, float64, this.#capacity);
    this.#expiresAt = longer(this.#expiresAt, float64, this.#capacity);
    this.#reads = longer(this.#reads, uint32, this.#capacity);
    if (this.#sizes.length > 0) this.#sizes = longer(this.#sizes, float64, this.#capacity);
  }

  delete(key: string): void {
    const slot = this.#slots.get(key);
    if (slot !== undefined) this.#remove(key, slot);
  }

  /** New, empty arrays: the time does not depend on how many entries there were. */
  clear(): void {
    this.#slots = new Map();
    this.#capacity = this.#firstCapacity();
    this.#policy = this.#newPolicy();
    this.#keys = [undefined];
    this.#values = [undefined];
    this.#promises = [];
    this.#createdAt = float64(this.#capacity);
    this.#expiresAt = float64(this.#capacity);
    this.#reads = uint32(this.#capacity);
    if (this.#limits.maxBytes !== undefined) this.#sizes = float64(this.#capacity);
    this.#free = [];
    this.#used = 0;
    this.#bytes = 0;
  }

  stats(): L1Stats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      entries: this.#slots.size,
      bytes: this.#bytes,
      maxEntries: this.#limits.maxEntries,
      maxBytes: this.#limits.maxBytes ?? null,
      evictions: this.#evictions,
    };
  }
}
