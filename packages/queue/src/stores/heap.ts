/** Below this the space in front is not worth closing. */
const COMPACT_FROM = 1_024;

/**
 * A priority queue: the least by `before` comes out first. Items that come in that order already, as most do, wait in a
 * line and cost next to nothing; a binary heap takes the others.
 */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #before: (a: T, b: T) => boolean;
  /** In order from `#head` on; what is before that is gone. */
  #line: (T | undefined)[] = [];
  #head = 0;
  #last: T | undefined;

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length + this.#line.length - this.#head;
  }

  /** All of them, in no order. */
  *[Symbol.iterator](): Generator<T, undefined> {
    for (let at = this.#head; at < this.#line.length; at++) yield this.#line[at] as T;
    yield* this.#items;
    return undefined;
  }

  peek(): T | undefined {
    const first = this.#line[this.#head];
    const top = this.#items[0];
    if (first === undefined) return top;
    return top !== undefined && this.#before(top, first) ? top : first;
  }

  push(item: T): void {
    if (this.#last === undefined || !this.#before(item, this.#last)) {
      this.#last = item;
      this.#line.push(item);
    } else {
      this.#rise(item);
    }
  }

  pop(): T | undefined {
    const least = this.peek();
    if (least === undefined) return undefined;
    if (least === this.#line[this.#head]) this.#shift();
    else this.#drop();
    return least;
  }

  #shift(): void {
    this.#line[this.#head++] = undefined;
    if (this.#head === this.#line.length) {
      this.#line = [];
      this.#head = 0;
      this.#last = undefined;
    } else if (this.#head >= COMPACT_FROM && this.#head * 2 > this.#line.length) {
      this.#line = this.#line.slice(this.#head);
      this.#head = 0;
    }
  }

  #drop(): void {
    const last = this.#items.pop();
    if (last !== undefined && this.#items.length > 0) this.#sink(last);
  }

  #rise(item: T): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent] as T;
      if (!this.#before(item, above)) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  /** Puts `item` where the top was and lets it find its place. */
  #sink(item: T): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#before(items[child + 1] as T, items[child] as T))
        child++;
      const below = items[child] as T;
      if (!this.#before(below, item)) break;
      items[at] = below;
      at = child;
    }
    items[at] = item;
  }
}
