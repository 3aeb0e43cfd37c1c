import type { Factory } from './cache.js';
import type { Clock } from './clock.js';
import { traceLoad } from './telemetry.js';

/** Runs factories: a span and the counters around each. */
export class FactoryRunner {
  readonly #namespace: string;
  readonly #clock: Clock;
  count = 0;
  running = 0;
  errors = 0;
  totalMs = 0;

  constructor(namespace: string, clock: Clock) {
    this.#namespace = namespace;
    this.#clock = clock;
  }

  async run<T>(key: string, factory: Factory<T>): Promise<T> {
    const startedAt = this.#clock.now();
    this.count += 1;
    this.running += 1;
    try {
      return await traceLoad(this.#namespace, async () => factory({ key }));
    } catch (err) {
      this.errors += 1;
      throw err;
    } finally {
      this.running -= 1;
      this.totalMs += this.#clock.now() - startedAt;
    }
  }
}
