/** Most keys of which is known what a least-recently-used cache would do. */
const MAX_KEYS = 1_024;

/**
 * What a cache of the same size that keeps the most recently used would hold, for a sample of the keys: by it a
 * policy tells whether it does better.
 */
export class ShadowLru {
  /** Of keys whose hash ends in these bits as zeros. */
  readonly #mask: number;
  readonly #kept = new Map<number, true>();

  /** @param entries - of the whole cache */
  constructor(entries: number) {
    let sampled = 1;
    while (entries / sampled > MAX_KEYS) sampled *= 2;
    this.#mask = sampled - 1;
  }

  samples(hash: number): boolean {
    return ((hash >>> 12) & this.#mask) === 0;
  }

  /** Reads a sampled key. Tells whether it would have been a hit in a cache of so many entries. */
  read(hash: number, entries: number): boolean {
    const key = hash | 0;
    const hit = this.#kept.delete(key);
    this.#kept.set(key, true);
    if (!hit && this.#kept.size > Math.max(1, entries / (this.#mask + 1))) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest);
        break;
      }
    }
    return hit;
  }
}
