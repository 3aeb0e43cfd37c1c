import { type Clock, systemClock } from '../clock.js';
import type { Duration } from '../duration.js';
import { type Logger, silentLogger } from '../logger.js';
import { durationOption, integerOption, invalidOption, knownOptions } from '../options.js';

/** Options of {@link createWorker}. */
export interface WorkerOptions {
  /**
   * Handlers that run at once. From 1 to 10000.
   * @defaultValue 10
   */
  concurrency?: number;
  /**
   * How long a task stays with a worker that says nothing: after a crash it runs again once this is over. Extended
   * every third of it while the handler runs, however long that is. At least 1 s.
   * @defaultValue `'10s'`
   */
  lease?: Duration;
  /**
   * Longest time of one attempt, for tasks that set none.
   * @defaultValue none
   */
  timeout?: Duration;
  /**
   * How long a handler may go on after its signal aborted. Then its slot is free again, whatever it does.
   * @defaultValue `'2s'`
   */
  abortGrace?: Duration;
  /**
   * Longest sleep without looking at the store: what a lost wake-up costs.
   * @defaultValue `'2s'`
   */
  pollInterval?: Duration;
  /**
   * How often leases that ran out and finished tasks past their retention are dealt with. Every worker does it.
   * @defaultValue `'2s'`
   */
  sweepInterval?: Duration;
  /** @defaultValue silent */
  logger?: Logger;
  /**
   * For timers of this worker; leases go by the store's clock.
   * @defaultValue the system's
   */
  clock?: Clock;
}

/** {@link WorkerOptions} with every value set. */
export interface WorkerSettings {
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly timeoutMs: number | undefined;
  readonly abortGraceMs: number;
  readonly pollMs: number;
  readonly sweepMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

const NAMES = [
  'concurrency',
  'lease',
  'timeout',
  'abortGrace',
  'pollInterval',
  'sweepInterval',
  'logger',
  'clock',
];

/** Checks the options of a worker. */
export function workerSettings(options: WorkerOptions = {}): WorkerSettings {
  knownOptions('options', options, NAMES);
  const { timeout } = options;
  if (options.clock !== undefined && typeof options.clock.setTimeout !== 'function') {
    throw invalidOption('options.clock', 'a Clock', options.clock);
  }
  return {
    concurrency: integerOption('options.concurrency', options.concurrency, 10, [1, 10_000]),
    leaseMs: durationOption('options.lease', options.lease, 10_000, 1_000),
    timeoutMs: timeout === undefined ? undefined : durationOption('options.timeout', timeout, 0, 1),
    abortGraceMs: durationOption('options.abortGrace', options.abortGrace, 2_000),
    pollMs: durationOption('options.pollInterval', options.pollInterval, 2_000, 10),
    sweepMs: durationOption('options.sweepInterval', options.sweepInterval, 2_000, 10),
    logger: options.logger ?? silentLogger,
    clock: options.clock ?? systemClock,
  };
}
