import type { Clock } from './ports.js';
import type { MessagingStore } from './store.js';
import type { MessagingStats } from './telemetry.js';

const REFRESH_MS = 1_000;

/** Options of {@link BacklogEstimate}. */
export interface BacklogOptions {
  readonly store: MessagingStore;
  readonly clock: Clock;
  readonly max: number;
  readonly stats: MessagingStats;
}

/**
 * How many messages wait, cheaply: the store is asked at most once a second and only while messages come in or metrics are
 * read; between, what this process accepts and processes is added and taken off.
 */
export class BacklogEstimate {
  readonly #options: BacklogOptions;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | null = null;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  /** Whether no more may come in. */
  async isFull(): Promise<boolean> {
    const { stats, max } = this.#options;
    this.refresh();
    // Only who is about to be refused waits for the true figure.
    if (stats.backlog >= max && this.#asking !== null) await this.#asking;
    return stats.backlog >= max;
  }

  /** Asks the store anew when the figure is old. Whoever reads it now gets the old one. */
  refresh(): void {
    // The distance either way: a clock that was set back must not keep an old figure for as long.
    const age = Math.abs(this.#options.clock.now() - this.#askedAt);
    if (age >= REFRESH_MS) this.#asking ??= this.#ask();
  }

  async #ask(): Promise<void> {
    const { store, stats, max, clock } = this.#options;
    this.#askedAt = clock.now();
    try {
      stats.backlog = await store.backlog(max + 1);
    } catch {
      // The store is away: accepting fails by itself and says why.
    } finally {
      this.#asking = null;
    }
  }
}
