import type { Clock, ClockTimer } from '../clock.js';

/** Timers by name: setting one again replaces it. */
export class Timers<Name extends string> {
  readonly #clock: Clock;
  readonly #timers = new Map<Name, ClockTimer>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(name: Name, ms: number, fn: () => void): void {
    this.#timers.get(name)?.clear();
    if (!this.#closed) this.#timers.set(name, this.#clock.setTimeout(fn, ms));
  }

  /** Clears them all; none can be set any more. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#timers.values()) timer.clear();
  }
}
