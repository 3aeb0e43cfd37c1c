import type { Attempt } from './attempt.js';

/** Below this the space in front is not worth closing. */
const COMPACT_FROM = 1_024;

/** Tasks claimed and not started yet, first in, first out. */
export class Backlog {
  #items: Attempt[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(attempt: Attempt): void {
    this.#items.push(attempt);
  }

  peek(): Attempt | undefined {
    return this.#items[this.#head];
  }

  shift(): Attempt | undefined {
    const first = this.#items[this.#head];
    if (first === undefined) return undefined;
    this.#head++;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= COMPACT_FROM && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return first;
  }

  /** Takes out, in order, at most `limit` of those that fit. */
  take(limit: number, fits: (attempt: Attempt) => boolean): Attempt[] {
    const taken: Attempt[] = [];
    const rest: Attempt[] = [];
    for (let at = this.#head; at < this.#items.length; at++) {
      const attempt = this.#items[at] as Attempt;
      if (taken.length < limit && fits(attempt)) taken.push(attempt);
      else rest.push(attempt);
    }
    this.#items = rest;
    this.#head = 0;
    return taken;
  }
}
