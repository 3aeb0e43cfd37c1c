import type { Logger } from './logger.js';
import type { AlertStore, SeriesChange } from './store.js';

const MAX_UNSAVED = 10_000;

/** Commits changes to a store in the order they were made; what failed is tried again with the next. */
export class ChangeLog {
  readonly #store: AlertStore;
  readonly #logger: Logger;
  #waiting: SeriesChange[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(store: AlertStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Changes that are not in the store yet. */
  get unsaved(): number {
    return this.#waiting.length;
  }

  /** Resolves when these changes are in the store. */
  record(changes: readonly SeriesChange[]): Promise<void> {
    this.#waiting.push(...changes);
    const mine = this.#last.then(() => this.#commit());
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #commit(): Promise<void> {
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    try {
      await this.#store.commit(batch);
    } catch (error) {
      const all = [...batch, ...this.#waiting];
      const lost = Math.max(0, all.length - MAX_UNSAVED);
      this.#waiting = all.slice(lost);
      if (lost > 0) this.#logger.error({ module: 'alerts', lost }, 'Changes of alerts were lost');
      throw error;
    }
  }
}
