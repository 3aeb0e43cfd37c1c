import type { Ledger } from './ledger.js';
import type { Sweeper, SweepLimits } from './sweeper.js';

/** Longest wait for a sweep to make room; well below the time that a cache gives an operation. */
const PATIENCE_MS = 100;
/** A count that is not certain is not made again sooner, whatever is wrong with it. */
const RECOUNT_MS = 1_000;

/** Whether there is room for more, and the sweep that makes some. */
export class Room {
  readonly #ledger: Ledger;
  readonly #sweeper: Sweeper;
  readonly #limits: SweepLimits;
  #making: Promise<void> | undefined;
  #recountedAt = Number.NEGATIVE_INFINITY;

  constructor(ledger: Ledger, sweeper: Sweeper, limits: SweepLimits) {
    this.#ledger = ledger;
    this.#sweeper = sweeper;
    this.#limits = limits;
  }

  /** Whether a sweep is due before its time. */
  get isScarce(): boolean {
    if (this.#isFull()) return true;
    const now = performance.now();
    if (!this.#ledger.worn || now - this.#recountedAt < RECOUNT_MS) return false;
    this.#recountedAt = now;
    return true;
  }

  #isFull(): boolean {
    const { bytes, entries } = this.#ledger.usage;
    return bytes > this.#limits.maxBytes || entries > this.#limits.maxEntries;
  }

  /**
   * Whether there is room. Who writes while there is none waits for the sweep, so that writers cannot outrun eviction,
   * but not for long: a cache had rather not keep a value than wait. Those who come meanwhile share the wait.
   */
  async forOneMore(): Promise<boolean> {
    if (!this.#isFull()) return true;
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    await this.#making;
    return !this.#isFull();
  }

  async #make(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    await Promise.race([this.#sweeper.run(), patience]).finally(() => clearTimeout(timer));
  }
}
