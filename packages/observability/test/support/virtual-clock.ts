import type { Clock } from '../../src/index.js';

/** Time that stands still until it is moved. */
export class VirtualClock implements Clock {
  #now = Date.UTC(2026, 0, 1);
  #timers: { at: number; fn: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): { clear(): void; unref(): void } {
    const timer = { at: this.#now + ms, fn };
    this.#timers.push(timer);
    return {
      clear: () => {
        this.#timers = this.#timers.filter((each) => each !== timer);
      },
      unref: () => {},
    };
  }

  /** Lets time pass, timer by timer, with the promises that hang on each. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
      await settle();
    }
    this.#now = until;
    await settle();
  }
}

/** Lets everything that needs no time happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
