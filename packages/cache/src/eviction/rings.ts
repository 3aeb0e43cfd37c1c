import { longer } from './policy.js';

const int32 = (capacity: number): Int32Array => new Int32Array(capacity);

/** Several rings of slots over the same two arrays, each ordered from its oldest to its newest. A slot is in one. */
export class Rings {
  readonly #count: number;
  #newer: Int32Array;
  #older: Int32Array;

  /** @param count - rings, numbered from 0 */
  constructor(count: number, capacity: number) {
    this.#count = count;
    this.#newer = int32(capacity + count);
    this.#older = int32(capacity + count);
    for (let ring = 0; ring < count; ring += 1) {
      this.#newer[ring] = ring;
      this.#older[ring] = ring;
    }
  }

  append(ring: number, slot: number): void {
    const place = slot + this.#count;
    const newest = this.#older[ring] as number;
    this.#newer[newest] = place;
    this.#older[place] = newest;
    this.#newer[place] = ring;
    this.#older[ring] = place;
  }

  remove(slot: number): void {
    const place = slot + this.#count;
    const newer = this.#newer[place] as number;
    const older = this.#older[place] as number;
    this.#newer[older] = newer;
    this.#older[newer] = older;
  }

  /** The oldest slot of a ring, leaving out one; 0 when there is none. */
  oldest(ring: number, except = 0): number {
    let place = this.#newer[ring] as number;
    if (except !== 0 && place === except + this.#count) place = this.#newer[place] as number;
    return place < this.#count ? 0 : place - this.#count;
  }

  grow(capacity: number): void {
    this.#newer = longer(this.#newer, int32, capacity + this.#count);
    this.#older = longer(this.#older, int32, capacity + this.#count);
  }
}
