import type { Clock } from './clock.js';
import { readingClock } from './coarse-clock.js';
import { estimateBytes } from './estimate-bytes.js';
import { LruPolicy } from './eviction/lru.js';
import { type EvictionPolicy, longer } from './eviction/policy.js';
import { TinyLfuPolicy } from './eviction/tiny-lfu.js';
import type { L1Entry, L1Extras, L1Late } from './l1-entry.js';
import type { ResolvedL1 } from './l1-options.js';
import { SlotTags } from './slot-tags.js';
import { SlotTimes } from './slot-times.js';
import type { L1Stats } from './stats.js';
import type { TagLog } from './tag-log.js';

const NO_EXTRAS: L1Extras = {};
const NO_TAGS: readonly string[] = [];

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
  readonly #tagLog: TagLog;
  readonly #stopListening: () => void;
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
  /** Absent until an entry has tags. */
  #tags: SlotTags | undefined;
  /** Absent until an entry has grace or a time to be renewed. Then {@link #expiresAt} is when plain hits end. */
  #times: SlotTimes | undefined;
  #free: number[] = [];
  /** Slots ever used. */
  #used = 0;
  #bytes = 0;
  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #expirations = 0;
  #neverRead = 0;

  constructor(limits: ResolvedL1, clock: Clock, tagLog: TagLog) {
    this.#limits = limits;
    this.#tagLog = tagLog;
    this.#stopListening = tagLog.onForget(() => this.#dropBroken());
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

  /** A value that is alive, counted as a hit. When there is none, {@link late} is to be asked: it does the counting. */
  read(key: string): unknown {
    const slot = this.#slots.get(key);
    if (slot === undefined || !this.#isLive(slot)) return undefined;
    this.#hits += 1;
    this.#reads[slot] = (this.#reads[slot] as number) + 1;
    this.#policy.touch(slot);
    return this.#values[slot];
  }

  /** {@link read} as a promise, the same one at each hit of an entry. */
  readPromise(key: string): Promise<unknown> | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined || !this.#isLive(slot)) return undefined;
    this.#hits += 1;
    this.#reads[slot] = (this.#reads[slot] as number) + 1;
    this.#policy.touch(slot);
    return this.#promises[slot] ?? this.#promise(slot);
  }

  #isLive(slot: number): boolean {
    return (
      (this.#expiresAt[slot] as number) > this.#now() &&
      (this.#tags === undefined || this.#tags.hold(slot))
    );
  }

  /** An entry that {@link read} did not answer: a hit while it is fresh, otherwise counted as a miss. */
  late(key: string): L1Late | undefined {
    const slot = this.#slots.get(key);
    const entry = slot === undefined ? undefined : this.#look(slot);
    if (slot === undefined || entry === undefined) {
      this.#misses += 1;
      if (slot === undefined) return undefined;
      if (this.#goneAt(slot) <= this.#clock.now()) this.#expirations += 1;
      this.#remove(key, slot);
      return undefined;
    }
    const stale = entry.expiresAt <= this.#clock.now();
    if (stale) this.#misses += 1;
    else this.#hits += 1;
    this.#reads[slot] = entry.reads + 1;
    this.#policy.touch(slot);
    return { ...entry, value: this.#values[slot], stale };
  }

  #freshUntil(slot: number): number {
    const until = this.#expiresAt[slot] as number;
    return Math.max(until, this.#times?.freshUntil(slot) ?? 0);
  }

  #goneAt(slot: number): number {
    return Math.max(this.#freshUntil(slot), this.#times?.goneAt(slot) ?? 0);
  }

  /** The entry of a slot unless it is gone. */
  #look(slot: number): L1Entry | undefined {
    const goneAt = this.#goneAt(slot);
    if (goneAt <= this.#clock.now() || this.#tags?.hold(slot) === false) return undefined;
    return {
      createdAt: this.#createdAt[slot] as number,
      expiresAt: this.#freshUntil(slot),
      goneAt,
      reads: this.#reads[slot] as number,
      tags: this.#tags?.of(slot) ?? NO_TAGS,
    };
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

  /** An entry that is not gone, without any trace of having looked. */
  inspect(key: string): L1Entry | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined ? undefined : this.#look(slot);
  }

  /** Keeps a value in place of an older one. One that is larger than all there is room for is not kept. */
  set(key: string, value: unknown, ttlMs: number, extras: L1Extras = NO_EXTRAS): void {
    const size = this.#sizeOf(value, key);
    const known = this.#slots.get(key);
    if (size > this.#maxBytes) {
      if (known !== undefined) this.#remove(key, known);
      return;
    }
    const slot = known ?? this.#add(key);
    if (known !== undefined) this.#policy.touch(slot);
    if (known !== undefined && this.#reads[slot] === 0) this.#neverRead += 1;
    this.#values[slot] = value;
    this.#forgetPromise(slot);
    const now = this.#clock.now();
    this.#createdAt[slot] = extras.createdAt ?? now;
    this.#expiresAt[slot] = now + Math.min(ttlMs, this.#limits.ttlMs);
    this.#reads[slot] = 0;
    this.#setExtras(slot, now, ttlMs, extras);
    if (size > 0) {
      this.#bytes += size - (this.#sizes[slot] as number);
      this.#sizes[slot] = size;
    }
    while (this.#slots.size > this.#limits.maxEntries || this.#bytes > this.#maxBytes) {
      this.#evict(slot);
    }
  }

  #setExtras(slot: number, now: number, ttlMs: number, extras: L1Extras): void {
    const { graceMs = 0, refreshMs = ttlMs, tags = NO_TAGS } = extras;
    if (tags.length > 0) {
      this.#tags ??= new SlotTags(this.#tagLog, this.#capacity);
      this.#tags.set(slot, tags);
    } else this.#tags?.remove(slot);
    if (graceMs > 0 || refreshMs < ttlMs) {
      this.#times ??= new SlotTimes(this.#capacity);
      const most = this.#limits.ttlMs;
      this.#times.set(slot, now + Math.min(ttlMs, most), now + Math.min(ttlMs + graceMs, most));
      this.#expiresAt[slot] = now + Math.min(ttlMs, refreshMs, most);
    } else this.#times?.set(slot, 0, 0);
  }

  /** Lets plain hits be answered with an entry as it is for some time, not beyond its end. Tells whether there is one. */
  hold(key: string, ms: number): boolean {
    const slot = this.#slots.get(key);
    const entry = slot === undefined ? undefined : this.#look(slot);
    if (slot === undefined || entry === undefined) return false;
    this.#expiresAt[slot] = Math.min(entry.goneAt, this.#clock.now() + ms);
    return true;
  }

  #dropBroken(): void {
    if (this.#tags === undefined) return;
    for (const slot of this.#tags.broken()) this.#remove(this.#keys[slot] as string, slot);
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
    if (this.#reads[slot] === 0) this.#neverRead += 1;
    this.#slots.delete(key);
    this.#policy.remove(slot);
    this.#keys[slot] = undefined;
    this.#values[slot] = undefined;
    this.#forgetPromise(slot);
    this.#tags?.remove(slot);
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
    this.#tags?.grow(this.#capacity);
    this.#times?.grow(this.#capacity);
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
    this.#tags = undefined;
    this.#times = undefined;
    this.#createdAt = float64(this.#capacity);
    this.#expiresAt = float64(this.#capacity);
    this.#reads = uint32(this.#capacity);
    if (this.#limits.maxBytes !== undefined) this.#sizes = float64(this.#capacity);
    this.#free = [];
    this.#used = 0;
    this.#bytes = 0;
  }

  /** Empties it for good. */
  close(): void {
    this.#stopListening();
    this.clear();
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
      expirations: this.#expirations,
      neverRead: this.#neverRead,
    };
  }
}
