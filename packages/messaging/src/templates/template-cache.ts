import type { Clock, Logger } from '../ports.js';
import type { MessagingStore } from '../store.js';
import { TemplateSet } from './template-set.js';

/** Read again after this long even when no hint came: a hint may be lost. */
const MAX_AGE_MS = 30_000;

/** Options of {@link TemplateCache}. */
export interface TemplateCacheOptions {
  readonly store: MessagingStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The stored templates, compiled, read once and after each change. */
export class TemplateCache {
  readonly #options: TemplateCacheOptions;
  #set: TemplateSet | null = null;
  #readAt = 0;
  #stale = true;
  #reading: Promise<TemplateSet> | null = null;

  constructor(options: TemplateCacheOptions) {
    this.#options = options;
  }

  /** The templates changed. */
  invalidate(): void {
    this.#stale = true;
  }

  async get(): Promise<TemplateSet> {
    const old = Math.abs(this.#options.clock.now() - this.#readAt) >= MAX_AGE_MS;
    if (this.#set !== null && !this.#stale && !old) return this.#set;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #read(): Promise<TemplateSet> {
    const { store, clock, logger } = this.#options;
    this.#stale = false; // before reading: a change while we read makes it stale again
    try {
      const set = new TemplateSet(await store.listTemplates());
      this.#set = set;
      this.#readAt = clock.now();
      return set;
    } catch (error) {
      this.#stale = true;
      if (this.#set === null) throw error;
      logger.warn({ err: error }, 'reading templates failed; going on with the old ones');
      return this.#set;
    }
  }
}
