/** Longest time that handlers which end at once may keep timers and sockets of the process waiting. */
const SLICE_MS = 10;

/** The current turn of the event loop, and what is to be done in the next. */
export class Turn {
  #startedAt: number | undefined = undefined;
  readonly #next: (() => void)[] = [];
  #booked = false;

  /** Whether this turn has gone on for long enough. */
  isOver(now: number): boolean {
    if (this.#startedAt === undefined) {
      this.#startedAt = now;
      this.#book();
      return false;
    }
    return now - this.#startedAt >= SLICE_MS;
  }

  /** Calls `fn` in the next turn. */
  next(fn: () => void): void {
    this.#next.push(fn);
    this.#book();
  }

  #book(): void {
    if (this.#booked) return;
    this.#booked = true;
    setImmediate(() => {
      this.#booked = false;
      this.#startedAt = undefined;
      for (const fn of this.#next.splice(0)) fn();
    });
  }
}
