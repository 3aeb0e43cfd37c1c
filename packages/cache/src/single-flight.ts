import type { Flight } from './flight.js';

/** Loads in progress, and those among them that later callers of the same key join. */
export class SingleFlight {
  readonly #joinable = new Map<string, Flight>();
  readonly #inProgress = new Map<Flight, Promise<void>>();

  /** The load of a key in progress that may be joined. */
  find(key: string): Flight | undefined {
    return this.#joinable.get(key);
  }

  /** Makes a load joinable until it is superseded. `settle` runs when its work ends. */
  add(key: string, flight: Flight, work: Promise<void>, settle: () => void): void {
    this.#joinable.set(key, flight);
    const ended = work.finally(() => {
      settle();
      this.#inProgress.delete(flight);
    });
    this.#inProgress.set(flight, ended);
  }

  /** Callers from now on do not join the load in progress; when one is given, only that one. */
  supersede(key: string, flight?: Flight): void {
    if (flight === undefined || this.#joinable.get(key) === flight) this.#joinable.delete(key);
  }

  supersedeAll(): void {
    this.#joinable.clear();
  }

  /** Gives up the factories of all loads in progress. */
  abort(reason: unknown): void {
    for (const flight of this.#inProgress.keys()) flight.abort(reason);
  }

  /** Resolves when the loads in progress now have ended, however they end. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#inProgress.values());
  }
}
