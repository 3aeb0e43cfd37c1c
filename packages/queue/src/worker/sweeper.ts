import type { QueueStore, SweepReport } from '../store.js';
import type { WorkerSettings } from './options.js';
import { Timers } from './timers.js';
import type { AnyQueue } from './types.js';
import { within } from './within.js';

/** Of each kind at once: a store may do nothing else meanwhile. */
const SWEEP_LIMIT = 1_000;
/** A sweep that had its fill goes on at once, or records would come faster than they go; but not for ever. */
const MOST_ROUNDS = 100;
/** A sweep that takes longer is left to itself, and the next one has its turn. */
const STALL_MS = 30_000;

/** Sweeps a store now and then, and gives word of the tasks that died in it. */
export class Sweeper {
  readonly #store: Pick<QueueStore, 'sweep'>;
  readonly #queues: ReadonlyMap<string, AnyQueue>;
  readonly #settings: WorkerSettings;
  readonly #timers: Timers<'sweep'>;
  #closed = false;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(
    store: Pick<QueueStore, 'sweep'>,
    queues: ReadonlyMap<string, AnyQueue>,
    settings: WorkerSettings,
  ) {
    this.#store = store;
    this.#queues = queues;
    this.#settings = settings;
    this.#timers = new Timers(settings.clock);
  }

  /** Sweeps as soon as this turn is over, and then at the interval. */
  start(): void {
    this.#later(0);
  }

  /** Begins no further round. Resolves when the one under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timers.close();
    await this.#sweeping;
  }

  #later(ms: number): void {
    this.#timers.set('sweep', ms, () => {
      this.#sweeping = this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    const { sweepMs, logger } = this.#settings;
    try {
      await this.#rounds();
    } catch (err) {
      logger.warn({ module: 'queue', err }, 'sweep failed');
    }
    // Jitter keeps many workers from sweeping at once.
    this.#later(sweepMs * (0.75 + Math.random() / 2));
  }

  /** Sweeps until little is left to do. */
  async #rounds(): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS && !this.#closed; round++) {
      const sweep = this.#store.sweep(SWEEP_LIMIT);
      const report = await within(this.#settings.clock, STALL_MS, sweep);
      this.#tell(report);
      if (Math.max(report.pruned, report.lapsed + report.died.length) < SWEEP_LIMIT) return;
    }
  }

  #tell(report: SweepReport): void {
    const { logger } = this.#settings;
    if (report.lapsed > 0)
      logger.warn({ module: 'queue', lapsed: report.lapsed }, 'leases ran out');
    for (const { id, queue, name } of report.died) {
      const fields = { module: 'queue', queue, task_id: id, name };
      logger.error(fields, 'the last attempt of a task never ended');
      const internals = this.#queues.get(queue)?.internals;
      if (internals === undefined) continue;
      internals.counters.dead++;
      internals.hub.emit('task.dead', id, { name, attempt: 0, entry: null });
    }
  }
}
