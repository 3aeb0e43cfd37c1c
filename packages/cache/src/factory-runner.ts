import type { Factory, LoadContext, StaleValue } from './cache.js';
import type { Clock } from './clock.js';
import type { Duration } from './duration.js';
import { CacheError } from './errors.js';
import type { Flight } from './flight.js';
import { checkEntryTags } from './keys.js';
import { traceLoad } from './telemetry.js';
import { type PlanOverrides, ttlOf } from './write-options.js';

/** What one run of a factory is told, and what it says. */
class RunContext implements LoadContext {
  readonly key: string;
  readonly #flight: Flight;
  readonly #now: () => number;
  readonly overrides: { ttlMs: number | undefined; tags: string[] | undefined } = {
    ttlMs: undefined,
    tags: undefined,
  };

  constructor(key: string, flight: Flight, now: () => number) {
    this.key = key;
    this.#flight = flight;
    this.#now = now;
  }

  get signal(): AbortSignal {
    return this.#flight.signal;
  }

  get stale(): StaleValue | undefined {
    const { stale } = this.#flight;
    return stale && { value: stale.value, ageMs: Math.max(0, this.#now() - stale.createdAt) };
  }

  // Properties, so that a factory may take them out of its argument: `({ tag }) => …`.
  readonly tag = (...tags: readonly string[]): void => {
    this.overrides.tags = [...checkEntryTags([...(this.overrides.tags ?? []), ...tags])];
  };

  readonly ttl = (ttl: Duration): void => {
    this.overrides.ttlMs = ttlOf(ttl);
  };
}

/** Runs factories: a span, the counters and the time limit around each. */
export class FactoryRunner {
  readonly #namespace: string;
  readonly #clock: Clock;
  count = 0;
  running = 0;
  errors = 0;
  totalMs = 0;
  aborted = 0;

  constructor(namespace: string, clock: Clock) {
    this.#namespace = namespace;
    this.#clock = clock;
  }

  /** @param hardMs - the longest time it may take */
  async run<T>(
    key: string,
    factory: Factory<T>,
    flight: Flight,
    hardMs: number | undefined,
  ): Promise<{ readonly value: T; readonly overrides: PlanOverrides }> {
    const startedAt = this.#clock.now();
    const context = new RunContext(key, flight, () => this.#clock.now());
    this.count += 1;
    this.running += 1;
    try {
      const value = await traceLoad(this.#namespace, () =>
        this.#limited(flight, hardMs, async () => factory(context)),
      );
      return { value, overrides: context.overrides };
    } catch (err) {
      this.errors += 1;
      if (flight.aborted !== undefined) this.aborted += 1;
      throw err;
    } finally {
      this.running -= 1;
      this.totalMs += this.#clock.now() - startedAt;
    }
  }

  /** Ends with the factory, or when the flight is aborted: what the factory then does is ignored. */
  #limited<T>(flight: Flight, hardMs: number | undefined, run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (flight.aborted !== undefined) return reject(flight.aborted.reason);
      flight.onAbort = reject;
      const timer =
        hardMs === undefined
          ? undefined
          : this.#clock.setTimeout(() => flight.abort(late(hardMs)), hardMs);
      run()
        .finally(() => timer?.clear())
        .then(resolve, reject);
    });
  }
}

function late(hardMs: number): CacheError {
  return new CacheError('CACHE_TIMEOUT', `The factory took longer than ${hardMs} ms`);
}
