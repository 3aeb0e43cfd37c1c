import type { SqlTransaction } from '@holdfast/sql';
import type { Duration } from './duration.js';

/** Where log lines go. A pino logger fits as it is. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A timer that was set. */
export interface Timer {
  /** Lets the process end although the timer is still set. */
  unref(): void;
  /** Cancels the timer. */
  clear(): void;
}

/** Time, so that tests can turn it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  setTimeout(fn: () => void, ms: number): Timer;
}

/** A cache for classifications. The cache of `@holdfast/cache` fits as it is. */
export interface CachePort {
  getOrSet<T>(key: string, factory: () => Promise<T>, options: { ttl: Duration }): Promise<T>;
  delete(key: string): Promise<unknown>;
}

/** Work that a message causes elsewhere, for a task queue. */
export interface TaskRequest {
  /** Name of the task, such as `escalation.notify`. */
  readonly name: string;
  /** Plain JSON data. */
  readonly payload: Record<string, unknown>;
  /** Equal keys stand for one task. */
  readonly idempotencyKey?: string;
}

/** A task queue. `enqueue` is called inside the transaction that writes the replies. */
export interface TasksPort {
  /**
   * Must write with `options.tx` where one is given, so that task and reply exist together or not at all.
   * The memory store has no transactions and gives none.
   */
  enqueue(tasks: readonly TaskRequest[], options: { tx?: SqlTransaction }): Promise<unknown>;
}

/** The system's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout(fn, ms) {
    const handle = setTimeout(fn, ms);
    return { unref: () => void handle.unref(), clear: () => clearTimeout(handle) };
  },
};

/** A logger that says nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};
