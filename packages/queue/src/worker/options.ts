import { type Clock, systemClock } from '../clock.js';
import type { Duration } from '../duration.js';
import { type Logger, silentLogger } from '../logger.js';
import {
  clockOption,
  durationOption,
  integerOption,
  knownOptions,
  loggerOption,
} from '../options.js';

/** Bounds between which a worker finds its concurrency by itself. */
export interface ConcurrencyRange {
  /** From 1 to `max`. */
  min: number;
  /** Up to 10000. */
  max: number;
}

/** Options of {@link createWorker}. */
export interface WorkerOptions {
  /**
   * Handlers that run at once. From 1 to 10000. Given a range, it grows while tasks wait and more handlers get more
   * done, and shrinks when they are not needed.
   * @defaultValue 10
   */
  concurrency?: number | ConcurrencyRange;
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
  readonly concurrency: Readonly<ConcurrencyRange>;
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
const MAX_CONCURRENCY = 10_000;

/** Checks the options of a worker. */
export function workerSettings(options: WorkerOptions = {}): WorkerSettings {
  knownOptions('options', options, NAMES);
  const { timeout } = options;
  return {
    concurrency: rangeOption(options.concurrency),
    leaseMs: durationOption('options.lease', options.lease, 10_000, 1_000),
    timeoutMs: timeout === undefined ? undefined : durationOption('options.timeout', timeout, 0, 1),
    abortGraceMs: durationOption('options.abortGrace', options.abortGrace, 2_000),
    pollMs: durationOption('options.pollInterval', options.pollInterval, 2_000, 10),
    sweepMs: durationOption('options.sweepInterval', options.sweepInterval, 2_000, 10),
    logger: loggerOption('options.logger', options.logger, silentLogger),
    clock: clockOption('options.clock', options.clock, systemClock),
  };
}

function rangeOption(value: WorkerOptions['concurrency']): ConcurrencyRange {
  if (typeof value !== 'object' || value === null) {
    const fixed = integerOption('options.concurrency', value, 10, [1, MAX_CONCURRENCY]);
    return { min: fixed, max: fixed };
  }
  knownOptions('options.concurrency', value, ['min', 'max']);
  const required = (name: 'min' | 'max', from: number): number =>
    integerOption(`options.concurrency.${name}`, value[name] ?? Number.NaN, 0, [
      from,
      MAX_CONCURRENCY,
    ]);
  const min = required('min', 1);
  return { min, max: required('max', min) };
}
