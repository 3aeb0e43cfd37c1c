/** After this long the server is asked again: its clock and ours drift apart. */
const TRUST_MS = 1_000;
/** A step of the machine's clock against its monotonic one, as after a suspension, in which the latter stands still. */
const STEP_MS = 50;

/**
 * The time of a server without asking it at every read: what it said last and what has passed since then here,
 * counted from before it was asked. So it is never behind the server's own, and ahead of it by less than the time the
 * question took.
 */
export class ServerClock {
  #serverMs = Number.NaN;
  #askedAt = Number.NEGATIVE_INFINITY;
  #offset = 0;

  /** The server's time in milliseconds; `undefined` when it has to be asked. */
  now(): number | undefined {
    const here = performance.now();
    const passed = here - this.#askedAt;
    if (passed > TRUST_MS) return undefined;
    if (Math.abs(Date.now() - here - this.#offset) > STEP_MS) return undefined;
    return this.#serverMs + passed;
  }

  /**
   * Takes in what the server said.
   * @param reply - of the command `TIME`: seconds and microseconds
   * @param askedAt - `performance.now()` from before the command was sent
   */
  set(reply: readonly unknown[], askedAt: number): void {
    this.#serverMs = Number(reply[0]) * 1_000 + Number(reply[1]) / 1_000;
    this.#askedAt = askedAt;
    this.#offset = Date.now() - performance.now();
  }

  /** The next reading asks: the server may be another one. */
  forget(): void {
    this.#askedAt = Number.NEGATIVE_INFINITY;
  }
}
