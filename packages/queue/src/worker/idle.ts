import type { Clock } from '../clock.js';

/** Waits for a worker to have nothing left to do. */
export class Idle {
  readonly #clock: Clock;
  readonly #isIdle: () => boolean;
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock, isIdle: () => boolean) {
    this.#clock = clock;
    this.#isIdle = isIdle;
  }

  /** To be called whenever something ended. */
  check(): void {
    if (!this.#isIdle()) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Whether it was idle within the time. */
  async within(ms: number): Promise<boolean> {
    if (this.#isIdle()) return true;
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => resolve(false), ms);
      this.#waiting.push(() => {
        timer.clear();
        resolve(true);
      });
    });
  }
}
