import { SqlError } from './errors.js';

/** The error of whatever a close ended by force. */
export function closedError(): SqlError {
  return new SqlError('SQL_CLOSED', 'The database is closed');
}

/**
 * Ends what runs when a close has waited long enough. Not an AbortSignal: every statement adds a listener and removes
 * it again, which takes an EventTarget a walk through all the others.
 */
export class ForcedEnd {
  readonly #waiting = new Set<() => void>();
  #happened = false;

  get happened(): boolean {
    return this.#happened;
  }

  now(): void {
    this.#happened = true;
    for (const end of this.#waiting) end();
    this.#waiting.clear();
  }

  /** Settles as `work` does, or rejects with `SQL_CLOSED` as soon as the end is forced. */
  async race<T>(work: Promise<T>): Promise<T> {
    let end: () => void = () => {};
    const ended = new Promise<never>((_, reject) => {
      end = () => reject(closedError());
    });
    if (this.#happened) end();
    this.#waiting.add(end);
    try {
      return await Promise.race([ended, work]);
    } finally {
      this.#waiting.delete(end);
    }
  }
}
