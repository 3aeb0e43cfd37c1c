import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleAll,
} from 'cockatiel';
import type { Clock } from './clock.js';
import { Deadlines } from './deadlines.js';
import { CacheError, isCacheError } from './errors.js';
import type { Logger } from './logger.js';
import type { ResolvedResilience } from './options.js';

/** What a guarded operation returned; `undefined` when it failed or was not made. */
export type Guarded<T> = { readonly value: T } | undefined;

/** Keeps the faults of a store away from callers: time limit, circuit breaker, counters. */
export class Guard {
  readonly #deadlines: Deadlines;
  readonly #timeoutMs: number;
  readonly #logger: Logger;
  readonly #breaker: CircuitBreakerPolicy;
  errors = 0;
  timeouts = 0;
  /** Called each time the circuit opens: somebody has to find out when the store is back. */
  onOpen: () => void = () => undefined;

  constructor(options: ResolvedResilience, clock: Clock, logger: Logger, fields: object) {
    this.#deadlines = new Deadlines(options.timeoutMs, clock);
    this.#timeoutMs = options.timeoutMs;
    this.#logger = logger;
    // Only `probe` runs while the circuit is not closed, at its own pace: the breaker need not wait as well.
    this.#breaker = circuitBreaker(handleAll, {
      halfOpenAfter: 0,
      breaker: new ConsecutiveBreaker(options.failures),
    });
    let open = false;
    this.#breaker.onBreak((reason) => {
      if (!open)
        logger.warn({ ...fields, ...failure(reason) }, 'cache store fails: going on without it');
      open = true;
      this.onOpen();
    });
    this.#breaker.onReset(() => {
      open = false;
      logger.info(fields, 'cache store answers again');
    });
  }

  /** Whether the store is in use. */
  get closed(): boolean {
    return this.#breaker.state === CircuitState.Closed;
  }

  /** Runs an operation while the circuit is closed. Never rejects. */
  async run<T>(operation: () => Promise<T>): Promise<Guarded<T>> {
    if (!this.closed) return undefined;
    return this.probe(() => this.limit(operation));
  }

  /** Runs an operation also while the circuit is open, and closes it when that succeeds. Never rejects. */
  async probe<T>(operation: () => Promise<T>): Promise<Guarded<T>> {
    try {
      return { value: await this.#breaker.execute(operation) };
    } catch (err) {
      this.errors += 1;
      if (isCacheError(err) && err.code === 'CACHE_TIMEOUT') this.timeouts += 1;
      this.#logger.debug({ err }, 'cache store operation failed');
      return undefined;
    }
  }

  /** Runs an operation under the time limit. Its late end is ignored. */
  limit<T>(operation: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const expire = (): void =>
        reject(new CacheError('CACHE_TIMEOUT', `No answer within ${this.#timeoutMs} ms`));
      // After a stall of the event loop timers run before sockets are read: the answer may be there already.
      const pending = this.#deadlines.add(() => setImmediate(expire));
      const running = async (): Promise<T> => operation();
      running().then(
        (value) => {
          this.#deadlines.done(pending);
          resolve(value);
        },
        (err: unknown) => {
          this.#deadlines.done(pending);
          reject(err);
        },
      );
    });
  }
}

function failure(reason: object): { err?: unknown } {
  return 'error' in reason ? { err: reason.error } : {};
}
