import type { Clock } from '../../src/index.js';

/** Time that passes only when told to. */
export class VirtualClock implements Clock {
  #now = Date.UTC(2026, 10, 21, 12);
  readonly #timers = new Set<{ at: number; fn: () => void }>();

  now(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): { unref(): void; clear(): void } {
    const timer = { at: this.#now + ms, fn };
    this.#timers.add(timer);
    return { unref() {}, clear: () => void this.#timers.delete(timer) };
  }

  /** Lets time pass, timer by timer, with room for what each sets off. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#now = end;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
