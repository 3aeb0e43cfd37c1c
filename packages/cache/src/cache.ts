import type { Duration } from './duration.js';
import type { ManyFactory } from './load-many.js';
import type { NamespaceOptions } from './options.js';
import type { CacheStats } from './stats.js';
import type { LoadOptions, SetOptions } from './write-options.js';

/** A value past its time to live, or about to reach it. */
export interface StaleValue {
  readonly value: unknown;
  /** Milliseconds since it was made. */
  readonly ageMs: number;
}

/** What a factory is told, and what it may say of its result. */
export interface LoadContext {
  readonly key: string;
  /** Aborts when the factory exceeds its hard limit, when nobody waits for it any more, or when the cache is closed. */
  readonly signal: AbortSignal;
  /** The older value that is there. */
  readonly stale: StaleValue | undefined;
  /** Adds tags to the entry, besides those of the options. */
  readonly tag: (...tags: readonly string[]) => void;
  /** Says how long the entry is to live, whatever the options say. 0: not stored. */
  readonly ttl: (ttl: Duration) => void;
}

/** Makes the value of a key that no tier has. What it throws reaches the callers as it is. */
export type Factory<T> = (context: LoadContext) => T | Promise<T>;

/** Options of {@link Cache.wrap}. */
export interface WrapOptions<Args extends readonly unknown[], T> extends LoadOptions<T> {
  /** The key of a call's arguments. */
  key: (...args: Args) => string;
}

/** What is known of an entry in a store. */
export interface StoredInspection {
  /** Milliseconds since the value was made. */
  readonly ageMs: number;
  /** 0: it is stale. */
  readonly remainingMs: number;
  /** Milliseconds after that during which it may be served in place of an error or a wait. */
  readonly graceMs: number;
  /** Bytes as stored. */
  readonly bytes: number;
  readonly tags: readonly string[];
}

/** Where a key is and what is known of it. Looking changes no statistics and no order of eviction. */
export interface KeyInspection {
  readonly key: string;
  /** `null`: not in L1. */
  readonly l1: {
    /** Milliseconds since the value was made. */
    readonly ageMs: number;
    /** 0: it is stale. */
    readonly remainingMs: number;
    /** Milliseconds after that during which it may be served in place of an error or a wait. */
    readonly graceMs: number;
    /** Reads answered since it came into L1. */
    readonly reads: number;
    readonly tags: readonly string[];
  } | null;
  /** `null`: not in L2, or L2 cannot be asked now. */
  readonly l2: StoredInspection | null;
  /** `null`: not in L3, or L3 cannot be asked now. */
  readonly l3: StoredInspection | null;
  /** Whether its factory runs now in this process. */
  readonly loading: boolean;
}

/** Health of a cache. */
export interface CacheHealth {
  /** `'degraded'`: the cache works without one of its stores; callers get an answer. `'unhealthy'`: it is closed. */
  status: 'healthy' | 'degraded' | 'unhealthy';
  details: Record<string, unknown>;
}

/** What {@link Cache.close} did. */
export interface CloseReport {
  /** Whether everything in progress ended before the deadline. */
  readonly drained: boolean;
  readonly durationMs: number;
}

/**
 * One namespace over its tiers.
 *
 * Values are kept by reference in L1: treat what you get as read-only. `undefined` means "not there", so it is never
 * stored: a factory that returns it is called again by the next caller, and `set` refuses it. `null`, `0`, `''` and
 * `false` are values like any other.
 *
 * @typeParam V - What the values of this cache have in common.
 */
export interface Cache<V = unknown> extends AsyncDisposable {
  /** Its namespace; of a nested one with the names above it: `app/users`. */
  readonly name: string;
  /**
   * The value of the key; where no tier has it, the factory's result, which is then stored.
   *
   * One factory runs a key in this process, however many callers wait; when it fails, all of them get its error and
   * the next caller runs it again. An invalidation or a `set` that comes while the factory runs wins: those who were
   * waiting get the factory's result, but it is not stored, and later callers do not get it. A factory must not ask
   * the cache for its own key: it would wait for itself.
   *
   * With `grace`, a value past its time to live is served when the factory fails or exceeds `hardTimeout`, and when it
   * takes longer than `softTimeout`: it then goes on in the background.
   *
   * @throws CacheError `CACHE_KEY_INVALID`, `CACHE_OPTION_INVALID`, `CACHE_TIMEOUT`, `CACHE_CLOSED`, what the factory
   * throws, and the reason of `options.signal`
   */
  getOrSet<T extends V>(key: string, factory: Factory<T>, options?: LoadOptions<T>): Promise<T>;
  /** The value of the key, or `undefined`. */
  get<T extends V = V>(key: string): Promise<T | undefined>;
  /** The values of those keys that have one, in one round trip. */
  getMany<T extends V = V>(keys: readonly string[]): Promise<Map<string, T>>;
  /**
   * The values of many keys; those that no tier has are made by one call of the factory, and stored. Keys for which it
   * has nothing are left out. Each key is loaded once however many callers wait, by whichever of these methods.
   *
   * @throws what the factory throws, when a key has no stale value to serve in its place
   */
  getOrSetMany<T extends V>(
    keys: readonly string[],
    factory: ManyFactory<T>,
    options?: LoadOptions<T>,
  ): Promise<Map<string, T>>;
  /** What L1 has, synchronously; counts as a read. Never asks L2. */
  peek<T extends V = V>(key: string): T | undefined;
  /** Whether some tier has the key. */
  has(key: string): Promise<boolean>;
  /**
   * Stores a value. In L1 at once; resolves when L2 has it too, or cannot be reached.
   * @throws CacheError `CACHE_VALUE_INVALID` for `undefined`
   */
  set<T extends V>(key: string, value: T, options?: SetOptions<T>): Promise<void>;
  /** Stores many values in one round trip. */
  setMany<T extends V>(
    entries: Iterable<readonly [key: string, value: T]>,
    options?: SetOptions<T>,
  ): Promise<void>;
  /** Deletes a key from every tier. It is never served again by this process, whatever is in progress. */
  delete(key: string): Promise<void>;
  /** Deletes many keys in one round trip. */
  deleteMany(keys: readonly string[]): Promise<void>;
  /**
   * Invalidates every entry that carries one of the tags, in this process at once and in all others as soon as they
   * hear of it, in constant time however many entries there are. Such a value is never served again by this process,
   * whatever is in progress. Tags are shared by a cache and the namespaces nested in it.
   */
  invalidateTags(tags: readonly string[]): Promise<void>;
  /** Deletes everything in the namespace, and in those nested in it, in constant time. */
  clear(): Promise<void>;
  /**
   * A namespace within this one, with keys of its own and the options of this one where it gives none. Asked for again
   * by the same name it is the same one.
   *
   * @throws CacheError `CACHE_NAMESPACE_CONFLICT` when it exists and other options are given
   */
  namespace<W extends V = V>(name: string, options?: NamespaceOptions<W>): Cache<W>;
  /** The namespaces directly within this one that are open in this process. */
  namespaces(): readonly Cache[];
  /** A function that answers from the cache and calls `fn` for what is not there. */
  wrap<Args extends readonly unknown[], T extends V>(
    fn: (...args: Args) => T | Promise<T>,
    options: WrapOptions<Args, T>,
  ): (...args: Args) => Promise<T>;
  /** Where a key is. */
  inspect(key: string): Promise<KeyInspection>;
  stats(): CacheStats;
  health(): Promise<CacheHealth>;
  /**
   * Ends the cache: new calls fail with `CACHE_CLOSED`; factories and writes in progress are waited for until the
   * deadline. The store is left open: it belongs to whoever made it. Idempotent.
   * @param options - `deadline`: `'5s'` when not given
   */
  close(options?: { deadline?: Duration }): Promise<CloseReport>;
}
