import type { Clock, Timer } from '../../src/index.js';

/** A clock that stands still until it is told to go on. */
export class VirtualClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Set<{ at: number; fn: () => void }>();

  now(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const timer = { at: this.#now + ms, fn };
    this.#timers.add(timer);
    return { unref: () => undefined, clear: () => this.#timers.delete(timer) };
  }

  /** How many are pending. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Moves on, running what comes due, and lets promises settle. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#now = due.at;
      this.#timers.delete(due);
      due.fn();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

/** Lets what is already decided happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
