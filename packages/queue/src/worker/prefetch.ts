/** Tasks are claimed ahead only when their handlers will start within about this time. */
const WINDOW_MS = 50;
/** Most tasks of a claim ahead: with more the store would be busy for longer, and an exchange is hardly cheaper. */
export const HELPING = 400;
/** Most tasks claimed ahead, those that were asked for included: two helpings under way and two in hand. */
const MAX_AHEAD = 4 * HELPING;
/** Claims ahead grow by this at most from one exchange to the next. */
const GROWTH = 4;
/** So many samples weigh as much as everything measured before. */
const MEMORY = 16;

/**
 * Says how many tasks a worker may claim ahead of its free slots, by what its handlers took so far. Quick handlers get
 * enough to keep their slots busy while an exchange is under way; where a handler takes as long as the window or
 * longer nothing is claimed ahead, so that a task waits in the store, where another worker can have it and a more
 * urgent one goes first.
 */
export class Prefetch {
  /** Mean time of a handler. */
  #durationMs = 0;
  /** Mean time from one end of a handler to the next, while any runs: less than a handler takes when several run. */
  #intervalMs = 0;
  /** Handlers ended since nothing was known: claims ahead grow with it. */
  #known = 0;
  #ended = 0;
  #endedMs = 0;
  #busyMs = 0;
  #busySince: number | undefined = undefined;

  /** A handler starts while none runs. */
  busy(now: number): void {
    this.#busySince ??= now;
  }

  /** No handler runs any more. */
  idle(now: number): void {
    if (this.#busySince === undefined) return;
    this.#busyMs += Math.max(0, now - this.#busySince);
    this.#busySince = undefined;
  }

  /** A handler ended. */
  ended(durationMs: number): void {
    this.#ended++;
    this.#endedMs += durationMs;
  }

  /** Forgets, because tasks claimed ahead did not start in time. */
  reset(): void {
    this.#known = 0;
  }

  /** How many tasks may wait in this process beside those that run. */
  ahead(slots: number, now: number): number {
    this.#learn(now);
    if (this.#known === 0) return 0;
    const bySlots = slots * (WINDOW_MS / this.#durationMs - 1);
    const byRate = WINDOW_MS / this.#intervalMs;
    return Math.floor(Math.max(0, Math.min(MAX_AHEAD, GROWTH * this.#known, bySlots, byRate)));
  }

  #learn(now: number): void {
    if (this.#ended === 0) return;
    if (this.#busySince !== undefined) {
      this.#busyMs += Math.max(0, now - this.#busySince);
      this.#busySince = now;
    }
    const weight = this.#known === 0 ? 1 : this.#ended / (this.#ended + MEMORY);
    this.#durationMs += weight * (this.#endedMs / this.#ended - this.#durationMs);
    this.#intervalMs += weight * (this.#busyMs / this.#ended - this.#intervalMs);
    this.#known = Math.min(this.#known + this.#ended, MAX_AHEAD);
    this.#ended = 0;
    this.#endedMs = 0;
    this.#busyMs = 0;
  }
}
