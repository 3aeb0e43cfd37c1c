import { longer } from './eviction/policy.js';

const float64 = (capacity: number): Float64Array => new Float64Array(capacity);

/**
 * Of entries that a read may not simply answer until they are gone: since when they are stale, and when they are gone.
 * 0 for a slot that has neither grace nor a time to be renewed.
 */
export class SlotTimes {
  #freshUntil: Float64Array;
  #goneAt: Float64Array;

  constructor(capacity: number) {
    this.#freshUntil = float64(capacity);
    this.#goneAt = float64(capacity);
  }

  grow(capacity: number): void {
    this.#freshUntil = longer(this.#freshUntil, float64, capacity);
    this.#goneAt = longer(this.#goneAt, float64, capacity);
  }

  set(slot: number, freshUntil: number, goneAt: number): void {
    this.#freshUntil[slot] = freshUntil;
    this.#goneAt[slot] = goneAt;
  }

  freshUntil(slot: number): number {
    return this.#freshUntil[slot] as number;
  }

  goneAt(slot: number): number {
    return this.#goneAt[slot] as number;
  }
}
