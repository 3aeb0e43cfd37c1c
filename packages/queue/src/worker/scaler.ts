import type { ExchangeReply } from '../store.js';
import { AutoScale, isStarved } from './auto-scale.js';
import type { WorkerSettings } from './options.js';
import type { Slots } from './slots.js';
import { Timers } from './timers.js';

const LOOK_MS = 500;

/** Looks now and then at what the handlers of a worker get done, and gives them as many slots as are of use. */
export class Scaler {
  readonly #settings: WorkerSettings;
  readonly #worker: string;
  readonly #slots: Pick<Slots, 'limit' | 'takePeak'>;
  readonly #scale: AutoScale;
  readonly #timers: Timers<'look'>;
  #ended = 0;
  #starved = false;
  #lookedAt = 0;

  constructor(settings: WorkerSettings, worker: string, slots: Pick<Slots, 'limit' | 'takePeak'>) {
    this.#settings = settings;
    this.#worker = worker;
    this.#slots = slots;
    this.#scale = new AutoScale(settings.concurrency);
    this.#timers = new Timers(settings.clock);
  }

  /** Begins to look, where there is a choice. */
  start(): void {
    const { concurrency, clock } = this.#settings;
    if (concurrency.min === concurrency.max) return;
    this.#lookedAt = clock.now();
    this.#timers.set('look', LOOK_MS, () => this.#look());
  }

  /** Notes that a handler ended. */
  ended(): void {
    this.#ended++;
  }

  /** Notes the answer to a claim. */
  claimed(reply: ExchangeReply, limit: number): void {
    this.#starved ||= isStarved(reply, limit);
  }

  /** Clears timers. */
  close(): void {
    this.#timers.close();
  }

  #look(): void {
    const { clock, logger } = this.#settings;
    const { limit: before } = this.#scale;
    const limit = this.#scale.next({
      elapsedMs: clock.now() - this.#lookedAt,
      ended: this.#ended,
      starved: this.#starved,
      peak: this.#slots.takePeak(),
    });
    this.#ended = 0;
    this.#starved = false;
    if (limit !== before) {
      logger.debug({ module: 'queue', worker: this.#worker, concurrency: limit }, 'scaled');
      this.#slots.limit = limit;
    }
    this.start();
  }
}
