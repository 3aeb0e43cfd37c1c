import type { RateLimit } from '../../store.js';

const SLICES = 20;

/** Claims of the last window, counted in slices: see `RateLimit`. */
export class RateWindow {
  readonly #windowMs: number;
  readonly #sliceMs: number;
  /** Slices that count still, oldest first. */
  readonly #slices: { readonly end: number; count: number }[] = [];
  #used = 0;
  max: number;

  constructor({ max, windowMs }: RateLimit) {
    this.max = max;
    this.#windowMs = windowMs;
    this.#sliceMs = Math.ceil(windowMs / SLICES);
  }

  /** The window for a new limit: it goes on where only `max` changed. */
  static next(current: RateWindow | null, limit: RateLimit | null | undefined): RateWindow | null {
    if (!limit) return null;
    if (current === null || current.#windowMs !== limit.windowMs) return new RateWindow(limit);
    current.max = limit.max;
    return current;
  }

  /** Claims that count at a time. */
  used(now: number): number {
    for (let [first] = this.#slices; first !== undefined; [first] = this.#slices) {
      if (now - first.end < this.#windowMs) break;
      this.#used -= first.count;
      this.#slices.shift();
    }
    return this.#used;
  }

  /** Counts a claim. */
  note(now: number): void {
    const end = (Math.floor(now / this.#sliceMs) + 1) * this.#sliceMs;
    const last = this.#slices.at(-1);
    this.#used++;
    if (last?.end === end) last.count++;
    else this.#slices.push({ end, count: 1 });
  }

  /** When to look again for room: a window from now where what takes it is not claimed yet. */
  freeAt(now: number): number {
    return this.nextFree() ?? now + this.#windowMs;
  }

  /** When the next slice stops counting, null where none counts. */
  nextFree(): number | null {
    const [first] = this.#slices;
    return first === undefined ? null : first.end + this.#windowMs;
  }
}
