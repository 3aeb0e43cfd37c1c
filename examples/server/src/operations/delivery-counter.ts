import type { Messaging } from '@holdfast/messaging';
import type { AppLogger } from '@holdfast/observability';
import type { Queue } from '@holdfast/queue';
import type { SqlTransaction } from '@holdfast/sql';
import { countDeliveries, type DeliveryHour } from './delivery-statistics.js';

const HOUR_MS = 3_600_000;
/** What ends meanwhile is one task: the statistics cost deliveries nothing. A crash loses as much of them at most. */
const FLUSH_MS = 1_000;
const OUTCOMES = ['delivered', 'retrying', 'dead'] as const;

/** Counts what becomes of the attempts of this process to deliver, and enqueues the counts. */
export class DeliveryCounter {
  readonly #queue: Queue<SqlTransaction>;
  readonly #logger: AppLogger;
  readonly #hours = new Map<number, DeliveryHour>();
  readonly #stops: (() => void)[];
  #timer: NodeJS.Timeout | undefined;

  constructor(messaging: Pick<Messaging, 'on'>, queue: Queue<SqlTransaction>, logger: AppLogger) {
    this.#queue = queue;
    this.#logger = logger;
    this.#stops = OUTCOMES.map((outcome) =>
      messaging.on(`delivery.${outcome}`, ({ at, data }) =>
        this.#count(at.getTime(), outcome, data.durationMs),
      ),
    );
  }

  /** Counts no more, and enqueues what is left. */
  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    await this.#flush();
  }

  #count(at: number, outcome: (typeof OUTCOMES)[number], durationMs: number): void {
    const start = at - (at % HOUR_MS);
    const hour = this.#hours.get(start) ?? {
      hour: new Date(start).toISOString(),
      ...{ delivered: 0, retrying: 0, dead: 0, duration_ms: 0 },
    };
    hour[outcome]++;
    hour.duration_ms += Math.round(durationMs);
    this.#hours.set(start, hour);
    this.#timer ??= setTimeout(() => void this.#flush(), FLUSH_MS).unref();
  }

  /** What cannot be enqueued is left out, and told of: deliveries matter more. */
  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counts = [...this.#hours.values()];
    this.#hours.clear();
    try {
      await this.#queue.enqueueMany(counts.map((payload) => ({ task: countDeliveries, payload })));
    } catch (err) {
      this.#logger.warn({ err, counts }, 'deliveries were not counted');
    }
  }
}
