import type { Factory } from './cache.js';
import type { Clock } from './clock.js';
import { FactoryRunner } from './factory-runner.js';
import { Flight } from './flight.js';
import type { L1Late } from './l1-entry.js';
import type { RemoteRead } from './read-batch.js';
import { SingleFlight } from './single-flight.js';
import type { LoadStats } from './stats.js';
import type { StoreClaim } from './store.js';
import type { Stale, Tiers } from './tiers.js';
import { type LoadOptions, planOf, resolvePolicy, type WriteDefaults } from './write-options.js';

/** Changes of a key while it is being claimed, after which its factory runs without a claim. */
const MAX_CHANGES = 3;

/** Makes values that no tier has, once a key however many callers wait. */
export class Loads {
  readonly #tiers: Tiers;
  readonly #clock: Clock;
  readonly #defaults: WriteDefaults;
  readonly #flights = new SingleFlight();
  readonly #factories: FactoryRunner;
  #superseded = 0;
  #background = 0;
  #stale = 0;
  #joined = 0;

  constructor(tiers: Tiers, defaults: WriteDefaults, clock: Clock) {
    this.#tiers = tiers;
    this.#clock = clock;
    this.#defaults = defaults;
    this.#factories = new FactoryRunner(tiers.scope.namespace, clock);
  }

  /**
   * The value of a key that L1 cannot simply answer. The arguments have been checked.
   * @param late - what L1 has nevertheless
   */
  load<T>(
    key: string,
    factory: Factory<T>,
    options: LoadOptions<T>,
    late: L1Late | undefined,
  ): Promise<T> {
    const { signal } = options;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const flight = this.#flights.find(key);
    if (late !== undefined && !late.stale) {
      if (flight === undefined) this.#start(key, factory, options, late, true);
      return Promise.resolve(late.value as T);
    }
    if (flight !== undefined) {
      this.#joined += 1;
      return this.#wait(key, flight, signal, this.#join(key, flight, factory, options));
    }
    const started = this.#start(key, factory, options, late, false);
    return this.#wait(key, started, signal, started.answer as Promise<T>);
  }

  /** What a load makes that began before a tag was invalidated is no answer to who came after, if it has that tag. */
  #join<T>(key: string, flight: Flight, factory: Factory<T>, options: LoadOptions<T>): Promise<T> {
    const answer = flight.answer as Promise<T>;
    if (this.#tiers.isCurrent(flight.ticket)) return answer;
    return answer.then((value) => {
      if (!this.#tiers.outdated(flight.ticket, flight.tags)) return value;
      this.#flights.supersede(key, flight);
      return this.load(key, factory, options, undefined);
    });
  }

  #wait<T>(
    key: string,
    flight: Flight,
    signal: AbortSignal | undefined,
    answer: Promise<T>,
  ): Promise<T> {
    flight.enter();
    if (signal === undefined) return answer;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason);
        if (!flight.leave()) return;
        this.#flights.supersede(key, flight);
        flight.abort(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      answer.finally(() => signal.removeEventListener('abort', leave)).then(resolve, reject);
    });
  }

  #start<T>(
    key: string,
    factory: Factory<T>,
    options: LoadOptions<T>,
    late: L1Late | undefined,
    background: boolean,
  ): Flight {
    const ticket = this.#tiers.openTicket(key);
    const flight = new Flight(ticket, background, {
      onDone: () => this.#flights.supersede(key, flight),
      mayServe: (stale) => this.#tiers.holds(ticket, stale.tags),
    });
    if (background) this.#background += 1;
    const policy = { ...this.#defaults, ...resolvePolicy(options) };
    const work = this.#work(key, factory, options, { flight, late, policy });
    this.#flights.add(key, flight, work, () => {
      this.#tiers.closeTicket(key, ticket);
      if (flight.servedStale) this.#stale += 1;
    });
    return flight;
  }

  /** Answers the flight. Never rejects. */
  async #work<T>(
    key: string,
    factory: Factory<T>,
    options: LoadOptions<T>,
    run: Run,
  ): Promise<void> {
    const { flight, late, policy } = run;
    let claim: StoreClaim | undefined;
    try {
      if (late !== undefined) this.#offer(flight, late, policy);
      const turn = await this.#turn(key, run);
      if (turn === 'answered') return;
      claim = turn.claim;
      const { value, overrides } = await this.#factories.run(key, factory, flight, policy.hardMs);
      if (value === undefined) return flight.succeed(value, []);
      const plan = planOf(value, options, policy, overrides);
      if (this.#tiers.holds(flight.ticket, plan.tags)) {
        // Given up only when L2 has the value: who is waiting for it finds it there.
        const held = claim;
        claim = undefined;
        const made = { value, ...plan };
        this.#tiers.fill(key, made, flight.ticket, turn.read?.fence, () =>
          this.#tiers.release(held),
        );
      } else this.#superseded += 1;
      flight.succeed(value, plan.tags);
    } catch (err) {
      if (flight.stale !== undefined) {
        this.#tiers.prolong(key, flight.stale, flight.ticket, policy.graceRetryMs);
      }
      flight.fail(err);
    } finally {
      this.#tiers.release(claim);
    }
  }

  /** Waits until L2 has the value, or until it is for this process to make it. */
  async #turn(key: string, run: Run): Promise<Turn | 'answered'> {
    const { flight } = run;
    for (let changes = 0; ; ) {
      const read = await this.#readShared(key, run);
      if (read === 'answered') return read;
      if (read === undefined || !flight.ticket.live || changes > MAX_CHANGES) return { read };
      const claim = await this.#tiers.claim(key, read.fence);
      if (claim === 'changed') changes += 1;
      else if (claim === undefined || !('freed' in claim)) return { read, claim };
      else await flight.whileWanted(claim.freed).finally(claim.leave);
    }
  }

  #offer(flight: Flight, stale: Stale, policy: WriteDefaults): void {
    flight.offer(stale, policy.softMs, (fn, ms) => this.#clock.setTimeout(fn, ms));
  }

  /** Takes what the tiers below have, if that is an answer; what is stale there is offered. */
  async #readShared(
    key: string,
    { flight, late, policy }: Run,
  ): Promise<RemoteRead | 'answered' | undefined> {
    if (this.#tiers.shared === undefined) return undefined;
    const read = await new Promise<RemoteRead | undefined>((resolve) => {
      this.#tiers.readShared(key, resolve);
    });
    const entry = read?.entry;
    // What L1 has is to be renewed: the same below is no help.
    if (entry === undefined || entry.createdAt === late?.createdAt) {
      if (read !== undefined) this.#tiers.below.missed += 1;
      return read;
    }
    if (entry.remainingMs > entry.graceMs) {
      this.#tiers.backfill(key, entry, flight.ticket, policy.refreshAhead);
      flight.succeed(entry.value, entry.tags);
      return 'answered';
    }
    this.#tiers.below.missed += 1;
    this.#offer(flight, this.#tiers.staleFrom(entry), policy);
    return read;
  }

  /** Whether a factory of the key runs, or a read before it. */
  has(key: string): boolean {
    return this.#flights.find(key) !== undefined;
  }

  /** Later callers do not join what is in progress. */
  supersede(keys: Iterable<string> | 'all'): void {
    if (keys === 'all') this.#flights.supersedeAll();
    else for (const key of keys) this.#flights.supersede(key);
  }

  settled(): Promise<void> {
    return this.#flights.settled();
  }

  abort(reason: unknown): void {
    this.#flights.abort(reason);
  }

  stats(): LoadStats {
    const { count, running, errors, totalMs, aborted } = this.#factories;
    return {
      count,
      running,
      errors,
      totalMs,
      joined: this.#joined,
      superseded: this.#superseded,
      background: this.#background,
      aborted,
      stale: this.#stale,
    };
  }
}

/** It is for this process to make the value. */
interface Turn {
  /** What L2 said: `undefined` when it cannot be asked. */
  readonly read: RemoteRead | undefined;
  readonly claim?: StoreClaim | undefined;
}

interface Run {
  readonly flight: Flight;
  readonly late: L1Late | undefined;
  readonly policy: WriteDefaults;
}
