import type { Duration } from './duration.js';
import type { SetOptions } from './options.js';
import type { CacheStats } from './stats.js';

/** What a factory is told. */
export interface LoadContext {
  readonly key: string;
}

/** Makes the value of a key that no tier has. What it throws reaches the callers as it is. */
export type Factory<T> = (context: LoadContext) => T | Promise<T>;

/** Options of {@link Cache.wrap}. */
export interface WrapOptions<Args extends readonly unknown[], T> extends SetOptions<T> {
  /** The key of a call's arguments. */
  key: (...args: Args) => string;
}

/** Where a key is and what is known of it. Looking changes no statistics and no order of eviction. */
export interface KeyInspection {
  readonly key: string;
  /** `null`: not in L1. */
  readonly l1: {
    /** Milliseconds since the value was made. */
    readonly ageMs: number;
    readonly remainingMs: number;
    /** Reads answered since it came into L1. */
    readonly reads: number;
  } | null;
  /** `null`: not in L2, or L2 cannot be asked now. */
  readonly l2: {
    readonly ageMs: number;
    readonly remainingMs: number;
    /** Bytes as stored. */
    readonly bytes: number;
  } | null;
  /** Whether its factory runs now in this process. */
  readonly loading: boolean;
}

/** Health of a cache. */
export interface CacheHealth {
  /** `'degraded'`: the cache works without L2. It is never unhealthy: callers always get an answer. */
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
  readonly namespace: string;
  /**
   * The value of the key; where no tier has it, the factory's result, which is then stored.
   *
   * One factory runs a key in this process, however many callers wait; when it fails, all of them get its error and
   * the next caller runs it again. A `set`, `delete` or `clear` that comes while the factory runs wins: those who were
   * waiting get the factory's result, but it is not stored, and later callers do not join them. A factory must not ask
   * the cache for its own key: it would wait for itself.
   *
   * @throws CacheError `CACHE_KEY_INVALID`, `CACHE_OPTION_INVALID`, `CACHE_CLOSED`, and what the factory throws
   */
  getOrSet<T extends V>(key: string, factory: Factory<T>, options?: SetOptions<T>): Promise<T>;
  /** The value of the key, or `undefined`. */
  get<T extends V = V>(key: string): Promise<T | undefined>;
  /** The values of those keys that have one, in one round trip. */
  getMany<T extends V = V>(keys: readonly string[]): Promise<Map<string, T>>;
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
  /** Deletes everything in the namespace, in constant time. */
  clear(): Promise<void>;
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
