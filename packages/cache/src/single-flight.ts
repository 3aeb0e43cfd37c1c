import type { Ticket } from './tickets.js';

interface Flight {
  readonly ticket: Ticket;
  readonly promise: Promise<unknown>;
}

/** Loads in progress that later callers of the same key join. */
export class SingleFlight {
  readonly #joinable = new Map<string, Flight>();
  readonly #inProgress = new Set<Promise<unknown>>();
  joined = 0;

  /** The load of a key in progress. */
  join(key: string): Promise<unknown> | undefined {
    const flight = this.#joinable.get(key);
    if (flight !== undefined) this.joined += 1;
    return flight?.promise;
  }

  has(key: string): boolean {
    return this.#joinable.has(key);
  }

  /** Makes a load joinable until it ends or is superseded. `settle` runs when it ends. */
  add<T>(key: string, ticket: Ticket, work: Promise<T>, settle: () => void): Promise<T> {
    const promise = work.finally(() => {
      settle();
      this.#inProgress.delete(promise);
      // A load that began after this one was superseded may hold the place by now.
      if (this.#joinable.get(key)?.ticket === ticket) this.#joinable.delete(key);
    });
    this.#joinable.set(key, { ticket, promise });
    this.#inProgress.add(promise);
    return promise;
  }

  /** Callers from now on do not join the load in progress. */
  supersede(key: string): void {
    this.#joinable.delete(key);
  }

  supersedeAll(): void {
    this.#joinable.clear();
  }

  get size(): number {
    return this.#inProgress.size;
  }

  /** Resolves when the loads in progress now have ended, however they end. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#inProgress);
  }
}
