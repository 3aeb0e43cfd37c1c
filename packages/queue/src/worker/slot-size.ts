/** So many tasks weigh as much as everything that was claimed before. */
const MEMORY = 8;

/**
 * How many tasks a free slot takes. That is the size of the batches where every handler takes batches of one size; with
 * handlers of several sizes it goes by the tasks that came lately, since nobody knows which come next: what is claimed
 * for a large batch and turns out to be single tasks would wait here for slots.
 */
export class SlotSize {
  /** The largest of the handlers. */
  readonly most: number;
  readonly #isFixed: boolean;
  /** Part of a slot that a task took, on average. */
  #part: number;

  constructor(sizes: readonly number[]) {
    this.most = Math.max(1, ...sizes);
    const least = Math.min(...sizes);
    this.#isFixed = sizes.length === 0 || least === this.most;
    this.#part = this.#isFixed ? 1 / this.most : 1;
  }

  /** Tasks for a slot, at least one. */
  get expected(): number {
    return Math.round(1 / this.#part);
  }

  /** A task came whose handler takes so many at once. */
  note(size: number): void {
    if (!this.#isFixed) this.#part += (1 / size - this.#part) / MEMORY;
  }
}
