import type { Clock } from './clock.js';

/** An operation in progress; `expire` is called if it is still there at the end of its time. */
export interface Pending {
  readonly endsAt: number;
  expire: (() => void) | undefined;
}

/**
 * One time limit for many operations with one timer: it stays armed when an operation ends, and looks for the next
 * one when it fires. A timer for each would cost more than the rest of what is done for a batch of reads.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #limitMs: number;
  /** In the order of their ends, which is that of their beginnings. */
  #pending: Pending[] = [];
  #first = 0;
  #armed = false;

  constructor(limitMs: number, clock: Clock) {
    this.#limitMs = limitMs;
    this.#clock = clock;
  }

  add(expire: () => void): Pending {
    const pending: Pending = { endsAt: this.#clock.now() + this.#limitMs, expire };
    this.#pending.push(pending);
    if (!this.#armed) this.#arm(this.#limitMs);
    return pending;
  }

  /** The operation ended in time. */
  done(pending: Pending): void {
    pending.expire = undefined;
    this.#skipEnded();
  }

  #skipEnded(): void {
    while (this.#first < this.#pending.length && this.#oldest()?.expire === undefined) {
      this.#first += 1;
    }
    if (this.#first < this.#pending.length && this.#first < 1_000) return;
    this.#pending = this.#pending.slice(this.#first);
    this.#first = 0;
  }

  #oldest(): Pending | undefined {
    return this.#pending[this.#first];
  }

  #arm(ms: number): void {
    this.#armed = true;
    // The operations keep the process alive by themselves.
    this.#clock.setTimeout(() => this.#fire(), ms).unref();
  }

  #fire(): void {
    this.#armed = false;
    const now = this.#clock.now();
    for (;;) {
      const oldest = this.#oldest();
      if (oldest === undefined) return;
      if (oldest.endsAt > now) {
        this.#arm(oldest.endsAt - now);
        return;
      }
      oldest.expire?.();
      this.done(oldest);
    }
  }
}
