import { type EvictionPolicy, longer } from './policy.js';

const int32 = (capacity: number): Int32Array => new Int32Array(capacity);

/** The least recently used entry leaves. A ring of slots through 0, which stands before the oldest. */
export class LruPolicy implements EvictionPolicy {
  #newer: Int32Array;
  #older: Int32Array;

  constructor(capacity: number) {
    this.#newer = int32(capacity);
    this.#older = int32(capacity);
  }

  add(slot: number): void {
    const newest = this.#older[0] as number;
    this.#newer[newest] = slot;
    this.#older[slot] = newest;
    this.#newer[slot] = 0;
    this.#older[0] = slot;
  }

  touch(slot: number): void {
    const newers = this.#newer;
    const olders = this.#older;
    const newest = olders[0] as number;
    if (newest === slot) return;
    const newer = newers[slot] as number;
    const older = olders[slot] as number;
    newers[older] = newer;
    olders[newer] = older;
    newers[newest] = slot;
    olders[slot] = newest;
    newers[slot] = 0;
    olders[0] = slot;
  }

  remove(slot: number): void {
    const newer = this.#newer[slot] as number;
    const older = this.#older[slot] as number;
    this.#newer[older] = newer;
    this.#older[newer] = older;
  }

  victim(): number {
    return this.#newer[0] as number;
  }

  grow(capacity: number): void {
    this.#newer = longer(this.#newer, int32, capacity);
    this.#older = longer(this.#older, int32, capacity);
  }
}
