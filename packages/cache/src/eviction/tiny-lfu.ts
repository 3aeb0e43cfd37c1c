import { counters, FrequencySketch, halve, hashOf, MAX_FREQUENCY } from './frequency-sketch.js';
import { type EvictionPolicy, longer } from './policy.js';
import { Rings } from './rings.js';
import { ShadowLru } from './shadow-lru.js';

const WINDOW = 0;
const PROBATION = 1;
const PROTECTED = 2;
/** Beside the segment: the shadow wants to know of reads of this entry. */
const SAMPLED = 4;

/** Share of the entries beyond the window that is kept for those read again. */
const PROTECTED_SHARE = 0.8;
const FIRST_WINDOW_SHARE = 0.01;
const MAX_WINDOW_SHARE = 0.99;
/** By how much the window changes when the shadow does better or worse at one read. */
const STEP = 0.003;
/** Reads for each entry after which frequencies count half. */
const SAMPLE = 10;
/** Entries that one addition moves between the segments at most, so that none takes long. */
const MOVES = 32;
/** From this frequency on a candidate has a small chance against a more frequent one. */
const LUCKY = 6;

const uint32 = (capacity: number): Uint32Array => new Uint32Array(capacity);

/**
 * W-TinyLFU: new entries live in a window by recency; what leaves it stays only if it was read more often than the
 * one it would push out, so that a scan passes through without emptying the cache.
 *
 * Two things differ from the usual form. Frequencies of entries that are kept are counters of their own, so that a hit
 * hashes nothing; the sketch holds those of keys that left. And the window grows and shrinks by comparison with a
 * sample of what plain least-recently-used would have kept, read by read, rather than by trying out sizes.
 */
export class TinyLfuPolicy implements EvictionPolicy {
  readonly #rings: Rings;
  readonly #shadow: ShadowLru;
  #segments: Uint8Array;
  #frequencies: Uint8Array;
  #hashes: Uint32Array;
  #sketch: FrequencySketch;
  readonly #sizes: [number, number, number] = [0, 0, 0];
  /** Entries there is room for: as many as the limit, or as there were when bytes ran out. */
  #room: number;
  #windowShare = FIRST_WINDOW_SHARE;
  /** What left the window last, until it has been weighed. */
  #candidate = 0;
  #readsLeft: number;
  #random = 1;

  constructor(capacity: number, maxEntries: number) {
    this.#rings = new Rings(3, capacity);
    this.#shadow = new ShadowLru(maxEntries);
    this.#segments = counters(capacity);
    this.#frequencies = counters(capacity);
    this.#hashes = uint32(capacity);
    this.#sketch = new FrequencySketch(capacity);
    this.#room = maxEntries;
    this.#readsLeft = 2 * SAMPLE * maxEntries;
  }

  add(slot: number, key: string): void {
    const hash = hashOf(key);
    this.#hashes[slot] = hash;
    this.#frequencies[slot] = Math.min(MAX_FREQUENCY, this.#sketch.of(hash) + 1);
    const sampled = this.#shadow.samples(hash);
    this.#segments[slot] = sampled ? SAMPLED : 0;
    this.#put(WINDOW, slot);
    this.#counted();
    if (sampled && this.#shadow.read(hash, this.#room)) this.#adapt(STEP);
    this.#balance();
  }

  touch(slot: number): void {
    const frequency = this.#frequencies[slot] as number;
    if (frequency < MAX_FREQUENCY) this.#frequencies[slot] = frequency + 1;
    const bits = this.#segments[slot] as number;
    const segment = bits & ~SAMPLED;
    this.#rings.remove(slot);
    if (segment === PROBATION) {
      this.#sizes[PROBATION] -= 1;
      this.#put(PROTECTED, slot);
      if (this.#sizes[PROTECTED] > this.#protectedRoom()) this.#move(PROTECTED);
      if (slot === this.#candidate) this.#candidate = 0;
    } else this.#rings.append(segment, slot);
    this.#counted();
    if ((bits & SAMPLED) === 0) return;
    if (!this.#shadow.read(this.#hashes[slot] as number, this.#room)) this.#adapt(-STEP);
  }

  remove(slot: number): void {
    this.#rings.remove(slot);
    this.#sizes[((this.#segments[slot] as number) & ~SAMPLED) as 0 | 1 | 2] -= 1;
    this.#sketch.set(this.#hashes[slot] as number, this.#frequencies[slot] as number);
    if (slot === this.#candidate) this.#candidate = 0;
  }

  victim(written: number): number {
    const [inWindow, inProbation, inProtected] = this.#sizes;
    this.#room = Math.max(1, inWindow + inProbation + inProtected - 1);
    const candidate = this.#candidate === written ? 0 : this.#candidate;
    this.#candidate = 0;
    if (candidate === 0) return this.#oldest(written) || written;
    const other = this.#rings.oldest(PROBATION, candidate) || this.#rings.oldest(PROTECTED);
    if (other === 0 || other === written) return candidate;
    return this.#admits(candidate, other) ? other : candidate;
  }

  /** The first to leave when nothing is weighed, leaving out one; 0 when there is no other. */
  #oldest(except: number): number {
    return (
      this.#rings.oldest(PROBATION, except) ||
      this.#rings.oldest(PROTECTED, except) ||
      this.#rings.oldest(WINDOW, except)
    );
  }

  #admits(candidate: number, other: number): boolean {
    const frequency = this.#frequencies[candidate] as number;
    if (frequency > (this.#frequencies[other] as number)) return true;
    if (frequency < LUCKY) return false;
    // Keys chosen to share counters with frequent ones could else keep everything new out.
    this.#random = (Math.imul(this.#random, 1_103_515_245) + 12_345) >>> 0;
    return ((this.#random >>> 16) & 127) === 0;
  }

  grow(capacity: number): void {
    this.#rings.grow(capacity);
    this.#segments = longer(this.#segments, counters, capacity);
    this.#frequencies = longer(this.#frequencies, counters, capacity);
    this.#hashes = longer(this.#hashes, uint32, capacity);
    // Nothing was pushed out as long as it grows, so there is little to remember yet.
    this.#sketch = new FrequencySketch(capacity);
  }

  #put(segment: 0 | 1 | 2, slot: number): void {
    this.#segments[slot] = ((this.#segments[slot] as number) & SAMPLED) | segment;
    this.#sizes[segment] += 1;
    this.#rings.append(segment, slot);
  }

  /** Moves the oldest entry of the window or of the protected ones to those on probation. */
  #move(from: 0 | 2): number {
    const slot = this.#rings.oldest(from);
    this.#rings.remove(slot);
    this.#sizes[from] -= 1;
    this.#put(PROBATION, slot);
    return slot;
  }

  #balance(): void {
    const windowRoom = this.#windowRoom();
    for (let i = 0; i < MOVES && this.#sizes[WINDOW] > windowRoom; i += 1) {
      this.#candidate = this.#move(WINDOW);
    }
    const protectedRoom = this.#protectedRoom();
    for (let i = 0; i < MOVES && this.#sizes[PROTECTED] > protectedRoom; i += 1) {
      this.#move(PROTECTED);
    }
  }

  #windowRoom(): number {
    return Math.max(1, Math.round(this.#windowShare * this.#room));
  }

  #protectedRoom(): number {
    return Math.floor((this.#room - this.#windowRoom()) * PROTECTED_SHARE);
  }

  #adapt(by: number): void {
    const share = this.#windowShare + by;
    this.#windowShare = Math.max(0, Math.min(MAX_WINDOW_SHARE, share));
  }

  #counted(): void {
    this.#readsLeft -= 1;
    if (this.#readsLeft > 0) return;
    this.#readsLeft = SAMPLE * this.#room;
    halve(this.#frequencies);
    this.#sketch.halve();
  }
}
