import { longer } from './eviction/policy.js';
import type { TagLog } from './tag-log.js';

/** Of a slot without tags: no generation is after it. */
const NEVER = Number.POSITIVE_INFINITY;
// A count of 32 bits is used up after weeks of a thousand invalidations a second.
const float64 = (capacity: number): Float64Array => new Float64Array(capacity);

/**
 * The tags of entries in memory. A slot remembers the generation at which its tags were last found to hold: as long as
 * no tag at all is invalidated, reading an entry with tags costs one comparison more.
 */
export class SlotTags {
  readonly #log: TagLog;
  readonly #tags: (readonly string[] | undefined)[] = [];
  #checkedAt: Float64Array;

  constructor(log: TagLog, capacity: number) {
    this.#log = log;
    this.#checkedAt = float64(capacity).fill(NEVER);
  }

  grow(capacity: number): void {
    const { length } = this.#checkedAt;
    this.#checkedAt = longer(this.#checkedAt, float64, capacity).fill(NEVER, length);
  }

  set(slot: number, tags: readonly string[]): void {
    while (this.#tags.length <= slot) this.#tags.push(undefined);
    this.#tags[slot] = tags;
    this.#checkedAt[slot] = this.#log.generation;
  }

  remove(slot: number): void {
    if (slot >= this.#tags.length) return;
    this.#tags[slot] = undefined;
    this.#checkedAt[slot] = NEVER;
  }

  /** Whether none of the slot's tags was invalidated since the entry came. */
  hold(slot: number): boolean {
    return (this.#checkedAt[slot] as number) >= this.#log.generation || this.#check(slot);
  }

  of(slot: number): readonly string[] | undefined {
    return this.#tags[slot];
  }

  #check(slot: number): boolean {
    const tags = this.#tags[slot] ?? [];
    if (this.#log.invalidatedSince(tags, this.#checkedAt[slot] as number)) return false;
    this.#checkedAt[slot] = this.#log.generation;
    return true;
  }

  /** The slots whose tags no longer hold, once; all others are up to date after it. */
  *broken(): Generator<number> {
    for (let slot = 0; slot < this.#tags.length; slot += 1) {
      if (this.#tags[slot] !== undefined && !this.hold(slot)) yield slot;
    }
  }
}
