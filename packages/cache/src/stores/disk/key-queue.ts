/** Lets operations on one key follow one another in the order in which they were asked for. */
export class KeyQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  async run<T>(key: string, operation: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const work = before === undefined ? operation() : before.then(operation, operation);
    this.#last.set(key, work);
    try {
      return await work;
    } finally {
      if (this.#last.get(key) === work) this.#last.delete(key);
    }
  }

  /** Resolves when the operations asked for until now have ended, however they end. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#last.values());
  }
}
