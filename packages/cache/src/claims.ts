import { randomUUID } from 'node:crypto';
import type { Timer } from './clock.js';
import type { Guard } from './guard.js';
import type { ResolvedOptions } from './options.js';
import type { CacheStore, StoreClaim, StoreClaimResult } from './store.js';

/** How often those who wait look again where nobody can wake them; varied by half of it. */
const POLL_MS = 50;

interface Asked {
  readonly claim: StoreClaim;
  readonly waiter: Waiter;
  readonly tell: (answer: ClaimAnswer) => void;
}

/** Waits for a key's claim to be given up. */
interface Waiter {
  readonly freed: Promise<void>;
  readonly end: () => void;
}

/**
 * A claim that is held; `'changed'`: the key has changed since it was read; `freed`: another process has it, and it
 * may be free when that promise resolves. `undefined`: the store cannot say, and the factory runs without.
 */
export type ClaimAnswer = StoreClaim | 'changed' | ClaimedElsewhere | undefined;

/** Another process has the claim. */
export interface ClaimedElsewhere {
  readonly freed: Promise<void>;
  /** To be called by who waits no more. */
  readonly leave: () => void;
}

/** Whether a store has what it takes. */
export type ClaimingStore = CacheStore & Required<Pick<CacheStore, 'claimMany' | 'releaseMany'>>;

export function canClaim(store: CacheStore): store is ClaimingStore {
  return typeof store.claimMany === 'function' && typeof store.releaseMany === 'function';
}

/**
 * The right to make the value of a key, which one process at a time has. It saves work and is not relied upon for
 * more: that nothing outdated is stored is the business of fences. A claim that is not prolonged ends by itself, so
 * the work of a process that died is taken over.
 */
export class Claims {
  readonly #store: ClaimingStore;
  readonly #options: ResolvedOptions;
  readonly #origin: string;
  readonly #guard: Guard;
  readonly #ttlMs: number;
  readonly #held = new Set<StoreClaim>();
  readonly #waiting = new Map<string, Set<Waiter>>();
  #asked: Asked[] = [];
  #released: StoreClaim[] = [];
  #prolonging: Timer | undefined;
  #closed = false;
  /** Whether those who wait are woken when a claim is given up. */
  wakes = false;

  constructor(
    store: ClaimingStore,
    options: ResolvedOptions,
    origin: string,
    guard: Guard,
    ttlMs: number,
  ) {
    this.#store = store;
    this.#options = options;
    this.#origin = origin;
    this.#guard = guard;
    this.#ttlMs = ttlMs;
  }

  /** Claims a key; claims of the same tick share one round trip. Never rejects. */
  take(key: string, fence: string): Promise<ClaimAnswer> {
    if (this.#asked.length === 0) process.nextTick(() => this.#ask());
    // From before it is asked: the claim may be given up before the answer arrives.
    const waiter = this.#wait(key);
    return new Promise((tell) => {
      this.#asked.push({ claim: { key, fence, token: randomUUID() }, waiter, tell });
    });
  }

  #ask(): void {
    const asked = this.#asked;
    this.#asked = [];
    const claims = asked.map(({ claim }) => claim);
    // Never rejects.
    void this.#claim(claims).then((results) => {
      asked.forEach((one, i) => {
        one.tell(this.#answer(one, results?.[i]));
      });
      // They may have been taken although the answer was lost, and others would wait for nobody.
      if (results === undefined) for (const claim of claims) this.release(claim);
    });
  }

  #answer({ claim, waiter }: Asked, result: StoreClaimResult | undefined): ClaimAnswer {
    if (typeof result === 'number') {
      const poll = POLL_MS * (0.5 + Math.random());
      const forMs = this.wakes ? result + 1 : Math.min(poll, result);
      const timer = this.#options.clock.setTimeout(waiter.end, forMs);
      return { freed: waiter.freed.finally(() => timer.clear()), leave: waiter.end };
    }
    waiter.end();
    if (result !== 'held') return result;
    this.#held.add(claim);
    this.#schedule();
    return claim;
  }

  async #claim(claims: readonly StoreClaim[]): Promise<readonly StoreClaimResult[] | undefined> {
    const { namespace } = this.#options;
    const result = await this.#guard.run(() =>
      this.#store.claimMany(namespace, claims, this.#ttlMs),
    );
    return result?.value;
  }

  #schedule(): void {
    if (this.#closed || this.#prolonging !== undefined || this.#held.size === 0) return;
    this.#prolonging = this.#options.clock.setTimeout(() => {
      this.#prolonging = undefined;
      // Never rejects.
      void this.#prolong();
    }, this.#ttlMs / 3);
    this.#prolonging.unref();
  }

  async #prolong(): Promise<void> {
    const held = [...this.#held];
    if (held.length === 0) return;
    const results = await this.#claim(held);
    // What was lost is lost: the factory goes on, and its fence decides whether its result is stored.
    held.forEach((claim, i) => {
      if (results?.[i] !== undefined && results[i] !== 'held') this.#held.delete(claim);
    });
    this.#schedule();
  }

  /** Gives a claim up. Does not wait. */
  release(claim: StoreClaim): void {
    this.#held.delete(claim);
    if (this.#released.length === 0) process.nextTick(() => this.#giveUp());
    this.#released.push(claim);
  }

  #giveUp(): void {
    const claims = this.#released;
    this.#released = [];
    const { namespace } = this.#options;
    const options = { origin: this.#origin };
    // Never rejects. Claims that could not be given up end by themselves.
    void this.#guard
      .run(() => this.#store.releaseMany(namespace, claims, options))
      .then(() => this.wake(claims.map(({ key }) => key)));
  }

  #wait(key: string): Waiter {
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    let resolve = (): void => undefined;
    const freed = new Promise<void>((done) => {
      resolve = done;
    });
    const end = (): void => {
      waiting.delete(waiter);
      if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
      resolve();
    };
    const waiter: Waiter = { freed, end };
    waiting.add(waiter);
    return waiter;
  }

  /**
   * Those who wait for these keys look again at once: claims were given up, or are void because the keys have changed,
   * or that may have been missed.
   */
  wake(keys: readonly string[] | 'all'): void {
    const woken = keys === 'all' ? [...this.#waiting.keys()] : keys;
    for (const key of woken) for (const { end } of [...(this.#waiting.get(key) ?? [])]) end();
  }

  close(): void {
    this.#closed = true;
    this.#prolonging?.clear();
    this.wake('all');
  }
}
