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
  race<T>(work: Promise<T>): Promise<T> {
    // One promise, not those of an async function with Promise.race: this is part of every statement, twice.
    return new Promise((resolve, reject) => {
      const end = (): void => reject(closedError());
      if (this.#happened) end();
      this.#waiting.add(end);
      work.then(
        (result) => {
          this.#waiting.delete(end);
          resolve(result);
        },
        (error: unknown) => {
          this.#waiting.delete(end);
          reject(error);
        },
      );
    });
  }
}
