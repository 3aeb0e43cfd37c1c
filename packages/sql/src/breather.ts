/** Longest time that statements run back to back before the rest of the process gets a turn. */
const SLICE_MS = 5;

/**
 * Lets the event loop breathe. A statement on an embedded database is nothing but computing and microtasks: a loop of
 * them would keep timers, sockets and signals waiting until its end.
 */
export class Breather {
  #since = performance.now();
  #pause: Promise<void> | undefined;

  /** Undefined when there is no need to wait. */
  breathe(): Promise<void> | undefined {
    if (this.#pause !== undefined) return this.#pause;
    if (performance.now() - this.#since < SLICE_MS) return undefined;
    this.#pause = new Promise((resolve) => {
      setImmediate(() => {
        this.#since = performance.now();
        this.#pause = undefined;
        resolve();
      });
    });
    return this.#pause;
  }
}
