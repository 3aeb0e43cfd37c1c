import { randomUUID } from 'node:crypto';
import type {
  Cache,
  CacheHealth,
  CloseReport,
  Factory,
  KeyInspection,
  WrapOptions,
} from './cache.js';
import { type Duration, durationMs } from './duration.js';
import { CacheError } from './errors.js';
import { FactoryRunner } from './factory-runner.js';
import { type L1Entry, MemoryTier } from './memory-tier.js';
import {
  checkKey,
  checkKnown,
  checkSetOptions,
  optionInvalid,
  type ResolvedOptions,
  type SetOptions,
  ttlFor,
} from './options.js';
import type { RemoteEntry, RemoteRead } from './read-batch.js';
import { RemoteTier, type RemoteWrite } from './remote-tier.js';
import { SingleFlight } from './single-flight.js';
import type { CacheStats } from './stats.js';
import { observeCache } from './telemetry.js';
import { type Ticket, Tickets } from './tickets.js';

const MAX_TIMER_MS = 2 ** 31 - 1;
const NOTHING: Promise<undefined> = Promise.resolve(undefined);
const NO_OPTIONS = {};

/** L1 over L2; {@link Cache} says what it promises. */
export class TieredCache implements Cache {
  readonly namespace: string;
  readonly #options: ResolvedOptions;
  readonly #l1: MemoryTier | undefined;
  readonly #l2: RemoteTier | undefined;
  readonly #tickets = new Tickets();
  readonly #loads = new SingleFlight();
  readonly #factories: FactoryRunner;
  readonly #stopObserving: () => void;
  #l2Hits = 0;
  #readsWithoutL1 = 0;
  #superseded = 0;
  #closing: Promise<CloseReport> | undefined;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.namespace = options.namespace;
    this.#factories = new FactoryRunner(options.namespace, options.clock);
    if (options.l1 !== undefined) this.#l1 = new MemoryTier(options.l1, options.clock);
    if (options.l2 !== undefined) {
      const events = {
        invalidated: (keys: readonly string[] | 'all') => this.#invalidateLocally(keys),
        connected: (first: boolean) => this.#afterGap(first),
      };
      const listen = options.subscribe && this.#l1 !== undefined;
      this.#l2 = new RemoteTier(options.l2, options, randomUUID(), listen ? events : undefined);
    }
    this.#stopObserving = observeCache(this);
  }

  getOrSet<T>(key: string, factory: Factory<T>, options: SetOptions<T> = NO_OPTIONS): Promise<T> {
    const hit = this.#readL1(key);
    if (hit !== undefined) return hit as Promise<T>;
    return (this.#loads.join(key) as Promise<T> | undefined) ?? this.#start(key, factory, options);
  }

  get<T>(key: string): Promise<T | undefined> {
    const hit = this.#readL1(key);
    return hit === undefined ? this.#getFromL2<T>(key) : (hit as Promise<T>);
  }

  async getMany<T>(keys: readonly string[]): Promise<Map<string, T>> {
    if (!Array.isArray(keys)) throw optionInvalid('keys', 'an array of strings', keys);
    const values = await Promise.all(keys.map((key) => this.get<T>(key)));
    const found = new Map<string, T>();
    keys.forEach((key, i) => {
      const value = values[i];
      if (value !== undefined) found.set(key, value);
    });
    return found;
  }

  peek<T>(key: string): T | undefined {
    const value = this.#l1?.read(key);
    if (value === undefined) this.#missed(key);
    return value as T | undefined;
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  set<T>(key: string, value: T, options: SetOptions<T> = NO_OPTIONS): Promise<void> {
    try {
      if (options !== NO_OPTIONS) checkSetOptions(options);
      this.#check(key);
      if (value === undefined) throw valueInvalid(key);
      const ttlMs = ttlFor(value, options, this.#options);
      this.#supersede(key);
      if (ttlMs === 0) this.#l1?.delete(key);
      else this.#l1?.set(key, value, ttlMs);
      if (this.#l2 === undefined) return NOTHING;
      return ttlMs === 0
        ? this.#l2.remove([key])
        : this.#l2.write([{ key, value, ttlMs, graceMs: 0, tags: [] }]);
    } catch (err) {
      return Promise.reject(err);
    }
  }

  async setMany<T>(
    entries: Iterable<readonly [string, T]>,
    options: SetOptions<T> = {},
  ): Promise<void> {
    checkSetOptions(options);
    if (typeof entries?.[Symbol.iterator] !== 'function') {
      throw optionInvalid('entries', 'an iterable of [key, value]', entries);
    }
    // Checked as a whole before anything is stored; the last value of a key counts.
    const writes = new Map<string, RemoteWrite>();
    for (const [key, value] of entries) {
      this.#check(key);
      if (value === undefined) throw valueInvalid(key);
      const ttlMs = ttlFor(value, options, this.#options);
      writes.set(key, { key, value, ttlMs, graceMs: 0, tags: [] });
    }
    const all = [...writes.values()];
    const kept = all.filter(({ ttlMs }) => ttlMs > 0);
    const dropped = all.filter(({ ttlMs }) => ttlMs === 0).map(({ key }) => key);
    for (const key of writes.keys()) this.#supersede(key);
    for (const key of dropped) this.#l1?.delete(key);
    for (const { key, value, ttlMs } of kept) this.#l1?.set(key, value, ttlMs);
    await Promise.all([this.#l2?.write(kept), this.#l2?.remove(dropped)]);
  }

  delete(key: string): Promise<void> {
    return this.deleteMany([key]);
  }

  async deleteMany(keys: readonly string[]): Promise<void> {
    if (!Array.isArray(keys)) throw optionInvalid('keys', 'an array of strings', keys);
    for (const key of keys) this.#check(key);
    this.#invalidateLocally(keys);
    await this.#l2?.remove([...new Set(keys)]);
  }

  async clear(): Promise<void> {
    this.#checkOpen();
    this.#invalidateLocally('all');
    await this.#l2?.clear();
  }

  wrap<Args extends readonly unknown[], T>(
    fn: (...args: Args) => T | Promise<T>,
    options: WrapOptions<Args, T>,
  ): (...args: Args) => Promise<T> {
    if (typeof fn !== 'function') throw optionInvalid('fn', 'a function', fn);
    checkKnown(options, 'options', ['key', 'ttl']);
    const { key, ...setOptions } = options;
    if (typeof key !== 'function') throw optionInvalid('options.key', 'a function', key);
    checkSetOptions(setOptions);
    return async (...args) => this.getOrSet<T>(key(...args), () => fn(...args), setOptions);
  }

  async inspect(key: string): Promise<KeyInspection> {
    this.#check(key);
    const l1 = this.#l1?.inspect(key);
    const now = this.#options.clock.now();
    const ageOf = (entry: L1Entry | RemoteEntry): number => Math.max(0, now - entry.createdAt);
    const inL1 = l1 && { ageMs: ageOf(l1), remainingMs: l1.expiresAt - now, reads: l1.reads };
    const loading = this.#loads.has(key);
    const l2 = await this.#l2?.inspect(key);
    const inL2 = l2 && { ageMs: ageOf(l2), remainingMs: l2.remainingMs, bytes: l2.bytes };
    return { key, l1: inL1 ?? null, l2: inL2 ?? null, loading };
  }

  stats(): CacheStats {
    const l1 = this.#l1?.stats();
    const reads = l1 === undefined ? this.#readsWithoutL1 : l1.hits + l1.misses;
    const { count, running, errors, totalMs } = this.#factories;
    return {
      namespace: this.namespace,
      hitRatio: reads === 0 ? 0 : ((l1?.hits ?? 0) + this.#l2Hits) / reads,
      l1: l1 ?? null,
      l2: this.#l2?.stats() ?? null,
      loads: {
        count,
        running,
        errors,
        totalMs,
        joined: this.#loads.joined,
        superseded: this.#superseded,
      },
    };
  }

  async health(): Promise<CacheHealth> {
    const l2 = this.#l2?.stats();
    const details = { namespace: this.namespace, ...(l2 && { l2 }) };
    if (this.#closing !== undefined) return { status: 'unhealthy', details };
    return { status: l2?.circuit === 'open' ? 'degraded' : 'healthy', details };
  }

  async close(options: { deadline?: Duration } = {}): Promise<CloseReport> {
    const deadlineMs = durationMs(options.deadline ?? 5_000);
    if (Number.isNaN(deadlineMs)) {
      throw optionInvalid('deadline', "a duration, such as 250 or '30s'", options.deadline);
    }
    this.#closing ??= this.#close(Math.min(deadlineMs, MAX_TIMER_MS));
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #readL1(key: string): Promise<unknown> | undefined {
    if (this.#l1 !== undefined) return this.#l1.readPromise(key);
    this.#readsWithoutL1 += 1;
    return undefined;
  }

  /** Of a synchronous read: what is wrong with the key is checked only now, since a hit is under a good one. */
  #missed(key: string): void {
    if (this.#l1 === undefined) this.#readsWithoutL1 += 1;
    this.#check(key);
  }

  #getFromL2<T>(key: string): Promise<T | undefined> {
    try {
      this.#check(key);
    } catch (err) {
      return Promise.reject(err);
    }
    const l2 = this.#l2;
    if (l2 === undefined) return NOTHING;
    const ticket = this.#tickets.open(key);
    return new Promise((resolve, reject) => {
      l2.read(key, (read) => {
        try {
          resolve(read?.entry && (this.#backfill(key, read.entry, ticket) as T));
        } catch (err) {
          reject(err);
        } finally {
          this.#tickets.close(key, ticket);
        }
      });
    });
  }

  #start<T>(key: string, factory: Factory<T>, options: SetOptions<T>): Promise<T> {
    try {
      this.#check(key);
      checkSetOptions(options);
      if (typeof factory !== 'function') throw optionInvalid('factory', 'a function', factory);
    } catch (err) {
      return Promise.reject(err);
    }
    const ticket = this.#tickets.open(key);
    const work = this.#load(key, factory, options, ticket);
    return this.#loads.add(key, ticket, work, () => this.#tickets.close(key, ticket));
  }

  async #load<T>(
    key: string,
    factory: Factory<T>,
    options: SetOptions<T>,
    ticket: Ticket,
  ): Promise<T> {
    const read = await this.#readL2(key);
    if (read?.entry !== undefined) return this.#backfill(key, read.entry, ticket) as T;
    const value = await this.#factories.run(key, factory);
    if (value === undefined) return value;
    const ttlMs = ttlFor(value, options, this.#options);
    if (!ticket.live) this.#superseded += 1;
    if (!ticket.live || ttlMs === 0) return value;
    this.#keep(key, { value, createdAt: this.#options.clock.now() }, ttlMs, ticket);
    if (read !== undefined) this.#l2?.fill({ key, value, ttlMs, graceMs: 0, tags: [] }, read.fence);
    return value;
  }

  async #readL2(key: string): Promise<RemoteRead | undefined> {
    const l2 = this.#l2;
    return l2 && new Promise((resolve) => l2.read(key, resolve));
  }

  #backfill(key: string, entry: RemoteEntry, ticket: Ticket): unknown {
    this.#l2Hits += 1;
    if (ticket.live) this.#keep(key, entry, entry.remainingMs, ticket);
    return entry.value;
  }

  #keep(
    key: string,
    { value, createdAt }: { readonly value: unknown; readonly createdAt: number },
    ttlMs: number,
    ticket: Ticket,
  ): void {
    if (ticket.l1 && this.#closing === undefined) this.#l1?.set(key, value, ttlMs, createdAt);
  }

  #invalidateLocally(keys: readonly string[] | 'all'): void {
    if (keys === 'all') {
      this.#l1?.clear();
      this.#tickets.invalidateAll();
      this.#loads.supersedeAll();
      return;
    }
    for (const key of keys) {
      this.#l1?.delete(key);
      this.#supersede(key);
    }
  }

  /** What is in progress for the key may not be stored any more, and nobody joins it. */
  #supersede(key: string): void {
    this.#tickets.invalidate(key);
    this.#loads.supersede(key);
  }

  /**
   * Invalidations by other processes may have been missed, so nothing that L1 holds, or is about to get, is certain.
   * When the subscription begins for the first time, loads in progress still share their result through L2, where a
   * missed invalidation has passed their fence.
   */
  #afterGap(first: boolean): void {
    if (first) {
      this.#l1?.clear();
      this.#tickets.keepOutOfL1();
    } else {
      this.#invalidateLocally('all');
    }
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const { clock } = this.#options;
    const startedAt = clock.now();
    this.#stopObserving();
    this.#l1?.clear();
    const finish = async (): Promise<boolean> => {
      await this.#loads.settled();
      await this.#l2?.close();
      return true;
    };
    const drained = await new Promise<boolean>((resolve, reject) => {
      const timer = clock.setTimeout(() => resolve(false), deadlineMs);
      finish()
        .finally(() => timer.clear())
        .then(resolve, reject);
    });
    return { drained, durationMs: clock.now() - startedAt };
  }

  #checkOpen(): void {
    if (this.#closing === undefined) return;
    throw new CacheError('CACHE_CLOSED', `The cache ${JSON.stringify(this.namespace)} is closed`);
  }

  #check(key: unknown): void {
    this.#checkOpen();
    checkKey(key);
  }
}

function valueInvalid(key: string): CacheError {
  const message = `Expected a value for key ${JSON.stringify(key)}, got undefined: use delete instead`;
  return new CacheError('CACHE_VALUE_INVALID', message, { details: { key } });
}
