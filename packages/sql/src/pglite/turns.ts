/** Hands out turns on the one session, first come, first served. */
export class Turns {
  #tail: Promise<void> = Promise.resolve();
  #taken = 0;

  /** Callers that wait. */
  get waiting(): number {
    return Math.max(0, this.#taken - 1);
  }

  /** Whether somebody has the turn. */
  get busy(): boolean {
    return this.#taken > 0;
  }

  async run<T>(fn: () => Promise<T>): Promise<T> {
    this.#taken += 1;
    const previous = this.#tail;
    let done: () => void = () => {};
    this.#tail = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await previous;
      return await fn();
    } finally {
      this.#taken -= 1;
      done();
    }
  }
}
