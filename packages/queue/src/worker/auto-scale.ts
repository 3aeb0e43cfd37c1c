import type { ExchangeReply } from '../store.js';
import type { ConcurrencyRange } from './options.js';

/** What happened since the last look. */
export interface ScaleSample {
  readonly elapsedMs: number;
  /** Handlers that ended. */
  readonly ended: number;
  /** Most slots in use at once. */
  readonly peak: number;
  /** Whether the store had more than was claimed, and what came had waited for too long. */
  readonly starved: boolean;
}

/** A growth is judged once this much happened, or this time passed. */
const JUDGE_AFTER_MS = 2_000;
/** More slots must get so much more done to be kept, or half of what they should, where they are few. */
const GAIN = 0.05;
const GROWTH = 1.5;
const FIRST_HOLD = 8;
const MAX_HOLD = 128;

/**
 * Finds how many handlers should run at once: more while tasks wait and the last growth got more done, one step back
 * where it did not (the processor, or what the handlers call, has no more to give), fewer when slots stay empty.
 */
export class AutoScale {
  readonly #range: Readonly<ConcurrencyRange>;
  #limit: number;
  #elapsedMs = 0;
  #ended = 0;
  #peak = 0;
  #starved = false;
  /** The growth on trial: what there was before, and the rate that keeps it. */
  #trial: { readonly limit: number; readonly goal: number } | undefined;
  /** Looks to let pass before the next trial; longer after each that failed. */
  #hold = 0;
  #nextHold = FIRST_HOLD;

  constructor(range: Readonly<ConcurrencyRange>) {
    this.#range = range;
    this.#limit = range.min;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Takes what happened into account. The new limit. */
  next(sample: ScaleSample): number {
    this.#elapsedMs += sample.elapsedMs;
    this.#ended += sample.ended;
    this.#peak = Math.max(this.#peak, sample.peak);
    this.#starved ||= sample.starved;
    if (this.#ended < this.#limit && this.#elapsedMs < JUDGE_AFTER_MS) return this.#limit;
    const rate = this.#ended / Math.max(1, this.#elapsedMs);
    if (this.#starved) this.#grow(rate);
    else this.#shrink();
    this.#elapsedMs = 0;
    this.#ended = 0;
    this.#peak = 0;
    this.#starved = false;
    return this.#limit;
  }

  #grow(rate: number): void {
    const trial = this.#trial;
    this.#trial = undefined;
    if (trial !== undefined && rate < trial.goal) {
      this.#limit = trial.limit;
      this.#hold = this.#nextHold;
      this.#nextHold = Math.min(MAX_HOLD, this.#nextHold * 2);
      return;
    }
    if (trial !== undefined) this.#nextHold = FIRST_HOLD;
    if (this.#hold > 0) {
      this.#hold--;
      return;
    }
    const grown = Math.min(this.#range.max, Math.ceil(this.#limit * GROWTH));
    if (grown === this.#limit) return;
    const gain = Math.min(GAIN, (grown / this.#limit - 1) / 2);
    this.#trial = { limit: this.#limit, goal: rate * (1 + gain) };
    this.#limit = grown;
  }

  #shrink(): void {
    this.#trial = undefined;
    this.#hold = 0;
    this.#nextHold = FIRST_HOLD;
    if (this.#peak * 2 > this.#limit) return;
    this.#limit = Math.max(this.#range.min, Math.floor(this.#limit / GROWTH), this.#peak);
  }
}

/** Tasks that waited no longer than this are no reason for more slots. */
const WAIT_MS = 20;

/** Whether a claim shows that the slots there are do not keep up. */
export function isStarved({ now, claimed }: ExchangeReply, limit: number): boolean {
  if (claimed.length < limit) return false;
  let waitedMs = 0;
  for (const { runAt } of claimed) waitedMs += Math.max(0, now - runAt);
  return waitedMs > WAIT_MS * claimed.length;
}
