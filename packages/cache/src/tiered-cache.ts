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
import { inspectKey } from './inspect-key.js';
import { checkKey, checkTags } from './keys.js';
import { type ManyFactory, ManyLoad } from './load-many.js';
import { Loads } from './loads.js';
import type { MemoryTier } from './memory-tier.js';
import { checkKnown, optionInvalid } from './option-checks.js';
import {
  checkNamespace,
  type NamespaceOptions,
  type ResolvedNamespace,
  resolveNested,
} from './options.js';
import type { Realm, RealmMember } from './realm.js';
import { nestedScope, type Scope } from './scope.js';
import type { CacheStats } from './stats.js';
import { observeCache } from './telemetry.js';
import { type Made, Tiers } from './tiers.js';
import {
  checkLoadOptions,
  checkSetOptions,
  type LoadOptions,
  planOf,
  type SetOptions,
} from './write-options.js';

/** Longer timers fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const NOTHING: Promise<undefined> = Promise.resolve(undefined);
const NO_OPTIONS = {};

/** L1 over L2 over L3; {@link Cache} says what it promises. */
export class TieredCache implements Cache, RealmMember {
  readonly name: string;
  readonly scope: Scope;
  readonly #realm: Realm;
  readonly #options: ResolvedNamespace;
  readonly #l1: MemoryTier | undefined;
  readonly #tiers: Tiers;
  readonly #loads: Loads;
  readonly #nested = new Map<string, TieredCache>();
  readonly #leave: (() => void)[];
  #readsWithoutL1 = 0;
  #closing: Promise<CloseReport> | undefined;

  constructor(realm: Realm, scope: Scope, options: ResolvedNamespace) {
    this.#realm = realm;
    this.scope = scope;
    this.name = scope.namespace;
    this.#options = options;
    this.#tiers = new Tiers(realm, scope, options);
    this.#l1 = this.#tiers.l1;
    this.#loads = new Loads(this.#tiers, options.writes, realm.options.clock);
    this.#leave = [observeCache(this, scope.path.length > 0), realm.join(this)];
  }

  getOrSet<T>(key: string, factory: Factory<T>, options: LoadOptions<T> = NO_OPTIONS): Promise<T> {
    const hit = this.#l1?.readPromise(key);
    return hit === undefined ? this.#load(key, factory, options) : (hit as Promise<T>);
  }

  get<T>(key: string): Promise<T | undefined> {
    const hit = this.#l1?.readPromise(key);
    return (hit === undefined ? this.#readThrough(key) : hit) as Promise<T | undefined>;
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

  async getOrSetMany<T>(
    keys: readonly string[],
    factory: ManyFactory<T>,
    options: LoadOptions<T> = NO_OPTIONS,
  ): Promise<Map<string, T>> {
    if (!Array.isArray(keys)) throw optionInvalid('keys', 'an array of strings', keys);
    if (typeof factory !== 'function') throw optionInvalid('factory', 'a function', factory);
    for (const key of keys) this.#check(key);
    const many = new ManyLoad(factory);
    const load = ({ key }: { readonly key: string }) => many.load(key);
    const all = [...new Set(keys)];
    const loads = all.map((key) => this.getOrSet(key, load, options as LoadOptions<T | undefined>));
    const values = await Promise.all(loads);
    const found = new Map<string, T>();
    all.forEach((key, i) => {
      const value = values[i];
      if (value !== undefined) found.set(key, value);
    });
    return found;
  }

  peek<T>(key: string): T | undefined {
    return (this.#l1?.read(key) ?? this.#peekLate(key)) as T | undefined;
  }

  async has(key: string): Promise<boolean> {
    return (await this.get(key)) !== undefined;
  }

  set<T>(key: string, value: T, options: SetOptions<T> = NO_OPTIONS): Promise<void> {
    try {
      if (options !== NO_OPTIONS) checkSetOptions(options);
      const made = this.#made(key, value, options);
      this.#loads.supersede([key]);
      return this.#tiers.set(key, made) ?? NOTHING;
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
    const writes = new Map<string, Made & { readonly key: string }>();
    for (const [key, value] of entries) {
      writes.set(key, { key, ...this.#made(key, value, options) });
    }
    this.#loads.supersede(writes.keys());
    await this.#tiers.setMany([...writes.values()]);
  }

  #made<T>(key: string, value: T, options: SetOptions<T>): Made {
    this.#check(key);
    if (value === undefined) throw valueInvalid(key);
    return { value, ...planOf(value, options, this.#options.writes) };
  }

  delete(key: string): Promise<void> {
    return this.deleteMany([key]);
  }

  async deleteMany(keys: readonly string[]): Promise<void> {
    if (!Array.isArray(keys)) throw optionInvalid('keys', 'an array of strings', keys);
    for (const key of keys) this.#check(key);
    this.#loads.supersede(keys);
    await this.#tiers.delete(keys);
  }

  async invalidateTags(tags: readonly string[]): Promise<void> {
    this.#checkOpen();
    await this.#realm.invalidateTags(checkTags(tags));
  }

  async clear(): Promise<void> {
    this.#checkOpen();
    this.#realm.forgetBelow(this.scope);
    await this.#tiers.clear();
  }

  namespace<W>(name: string, options?: NamespaceOptions<W>): Cache<W> {
    this.#checkOpen();
    checkNamespace(name);
    const known = this.#nested.get(name);
    if (known !== undefined && options === undefined) return known;
    if (known !== undefined) {
      const message = `The namespace ${JSON.stringify(known.name)} is open with other options`;
      throw new CacheError('CACHE_NAMESPACE_CONFLICT', message);
    }
    const resolved = resolveNested(options ?? NO_OPTIONS, this.#options);
    const nested = new TieredCache(this.#realm, nestedScope(this.scope, name), resolved);
    this.#nested.set(name, nested);
    nested.#leave.push(() => this.#nested.delete(name));
    return nested;
  }

  namespaces(): readonly Cache[] {
    return [...this.#nested.values()];
  }

  wrap<Args extends readonly unknown[], T>(
    fn: (...args: Args) => T | Promise<T>,
    options: WrapOptions<Args, T>,
  ): (...args: Args) => Promise<T> {
    if (typeof fn !== 'function') throw optionInvalid('fn', 'a function', fn);
    if (options === null || typeof options !== 'object') checkKnown(options, 'options', []);
    const { key, ...loadOptions } = options;
    if (typeof key !== 'function') throw optionInvalid('options.key', 'a function', key);
    checkLoadOptions(loadOptions);
    return async (...args) => this.getOrSet<T>(key(...args), () => fn(...args), loadOptions);
  }

  async inspect(key: string): Promise<KeyInspection> {
    this.#check(key);
    return inspectKey(key, this.#tiers, this.#realm, this.#loads.has(key));
  }

  stats(): CacheStats {
    const l1 = this.#l1?.stats();
    const { below } = this.#tiers;
    const l2 = this.#realm.l2?.stats();
    const l3 = this.#realm.l3?.stats();
    const reads = l1 === undefined ? this.#readsWithoutL1 : l1.hits + l1.misses;
    return {
      namespace: this.name,
      hitRatio: reads === 0 ? 0 : ((l1?.hits ?? 0) + below.l2 + below.l3) / reads,
      l1: l1 ?? null,
      l2: l2 === undefined ? null : { ...l2, hits: below.l2, misses: below.missed + below.l3 },
      l3: l3 === undefined ? null : { ...l3, hits: below.l3, misses: below.missed },
      invalid: below.invalid,
      loads: this.#loads.stats(),
    };
  }

  async health(): Promise<CacheHealth> {
    const l2 = this.#realm.l2?.stats();
    const l3 = this.#realm.l3?.stats();
    const details = { namespace: this.name, ...(l2 && { l2 }), ...(l3 && { l3 }) };
    if (this.#closing !== undefined) return { status: 'unhealthy', details };
    const open = l2?.circuit === 'open' || l3?.circuit === 'open';
    return { status: open ? 'degraded' : 'healthy', details };
  }

  async close(options: { deadline?: Duration } = {}): Promise<CloseReport> {
    const deadlineMs = durationMs(options.deadline ?? 5_000);
    if (Number.isNaN(deadlineMs)) {
      throw optionInvalid('deadline', "a duration, such as 250 or '30s'", options.deadline);
    }
    this.#closing ??= this.#close(Math.min(deadlineMs, LONGEST_TIMER_MS));
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What a plain hit in L1 does not answer: what is wrong with a call is looked for only here. */
  #load<T>(key: string, factory: Factory<T>, options: LoadOptions<T>): Promise<T> {
    try {
      this.#check(key);
      if (options !== NO_OPTIONS) checkLoadOptions(options);
      if (typeof factory !== 'function') throw optionInvalid('factory', 'a function', factory);
    } catch (err) {
      return Promise.reject(err);
    }
    return this.#loads.load(key, factory, options, this.#late(key));
  }

  #late(key: string): ReturnType<MemoryTier['late']> {
    if (this.#l1 !== undefined) return this.#l1.late(key);
    this.#readsWithoutL1 += 1;
    return undefined;
  }

  #peekLate(key: string): unknown {
    this.#check(key);
    const late = this.#late(key);
    return late === undefined || late.stale ? undefined : late.value;
  }

  #readThrough(key: string): Promise<unknown> {
    try {
      const value = this.#peekLate(key);
      return value === undefined ? this.#tiers.get(key) : Promise.resolve(value);
    } catch (err) {
      return Promise.reject(err);
    }
  }

  forget(keys: readonly string[] | 'all'): void {
    this.#tiers.forget(keys);
    this.#loads.supersede(keys);
  }

  missed(first: boolean): void {
    if (first) this.#tiers.distrustL1();
    else this.forget('all');
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const { clock } = this.#realm.options;
    const startedAt = clock.now();
    for (const leave of this.#leave) leave();
    this.#tiers.closeL1();
    const nested = [...this.#nested.values()].map((one) => one.close({ deadline: deadlineMs }));
    const finish = async (): Promise<boolean> => {
      await Promise.all([this.#loads.settled(), ...nested]);
      if (this.scope.path.length === 0) await this.#tiers.shared?.close();
      return true;
    };
    const drained = await new Promise<boolean>((resolve, reject) => {
      const timer = clock.setTimeout(() => {
        this.#loads.abort(closed(this.name));
        resolve(false);
      }, deadlineMs);
      finish()
        .finally(() => timer.clear())
        .then(resolve, reject);
    });
    return { drained, durationMs: clock.now() - startedAt };
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw closed(this.name);
  }

  #check(key: unknown): void {
    this.#checkOpen();
    checkKey(key);
  }
}

function closed(name: string): CacheError {
  return new CacheError('CACHE_CLOSED', `The cache ${JSON.stringify(name)} is closed`);
}

function valueInvalid(key: string): CacheError {
  const message = `Expected a value for key ${JSON.stringify(key)}, got undefined: use delete instead`;
  return new CacheError('CACHE_VALUE_INVALID', message, { details: { key } });
}
