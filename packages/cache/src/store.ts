/*
 * Terminology
 *   tier      where a value may be: L1 is the memory of this process, L2 a store shared by processes, L3 one of this
 *             machine.
 *   namespace the keys of one cache; cleared as a whole.
 *   fence     what a read saw of a key. A write that carries it is made only while the key is still as it was seen.
 *   origin    the cache that caused an invalidation, so that it can tell its own from those of others.
 *   claim     the right to make the value of a key, which one process at a time has.
 *   tag       a name that entries carry; all that carry it are invalidated at once.
 */

/** What a store says about one key. */
export interface StoreRead {
  /** The stored bytes; `undefined` when there is no live entry. */
  readonly bytes: Uint8Array | undefined;
  /** Milliseconds that the entry has still to live by the store's own clock; 0 when there is none. */
  readonly remainingMs: number;
  /** Give it back with {@link StoreWrite.fence} to write only if nobody wrote, deleted or cleared since this read. */
  readonly fence: string;
  /** The tags that the entry was written with; absent when there are none. */
  readonly tags?: readonly string[] | undefined;
  /**
   * There is no live entry because the key, one of its tags or the namespace was deleted or invalidated, as far as the
   * store remembers that: no tier below may answer for the key. Absent where there never was one, or it expired.
   */
  readonly deleted?: true | undefined;
}

/** One entry to write. */
export interface StoreWrite {
  readonly key: string;
  readonly bytes: Uint8Array;
  /** Milliseconds to live from now, more than 0. */
  readonly ttlMs: number;
  /**
   * Makes the write conditional: it is left out when the key was written or deleted, or the namespace cleared, since
   * the read that returned this fence, or one of its tags invalidated. Without one the write is unconditional and counts
   * as an invalidation of the older value.
   */
  readonly fence?: string | undefined;
  /** What {@link CacheStore.invalidateTags} finds it by: 1–256 characters each. */
  readonly tags?: readonly string[] | undefined;
}

/** Options of what changes a store. */
export interface StoreChangeOptions {
  /** Passed on to the listeners of {@link CacheStore.subscribe}. */
  readonly origin?: string;
}

/** What other processes did to a namespace. */
export interface StoreInvalidation {
  /** The cache that did it. */
  readonly origin: string;
  /** The keys set or deleted; `'all'` when the namespace was cleared. */
  readonly keys: readonly string[] | 'all';
  /** The tags invalidated; absent when there are none. */
  readonly tags?: readonly string[] | undefined;
  /** Keys whose claim somebody waited for and that was given up. They are not invalidated. */
  readonly released?: readonly string[] | undefined;
}

/** A claim to make the value of a key. */
export interface StoreClaim {
  readonly key: string;
  /** What the read said of the key. A claim is void as soon as the key has changed since. */
  readonly fence: string;
  /** Names the claim: 1–64 of letters, digits, `_` and `-`, for each claim another one. */
  readonly token: string;
}

/**
 * `'held'`: the claim is ours for the time asked for. `'changed'`: the key has changed since it was read. A number:
 * somebody else has it, for so many milliseconds if it is not prolonged.
 */
export type StoreClaimResult = 'held' | 'changed' | number;

/** Hears of invalidations. */
export interface StoreListener {
  onInvalidate(invalidation: StoreInvalidation): void;
  /**
   * Called each time the subscription begins to work, first and after every interruption: invalidations before this
   * moment may have been missed.
   */
  onConnect(): void;
  /** Called when the subscription was interrupted; it restores itself. */
  onDisconnect(): void;
}

/** A subscription that can be ended. */
export interface StoreSubscription {
  close(): Promise<void>;
  /**
   * Resolves when the listener has heard of all that happened before the call; fails when that cannot be made sure of.
   * Without it an L2 is not filled from L3.
   */
  sync?(): Promise<void>;
}

/**
 * A shared tier: keeps bytes for a time, by namespace and key. The cache above it does the encoding, the time limits,
 * the circuit breaker and the statistics.
 *
 * Every call may fail, and an implementation lets it fail at once rather than queueing it while there is no
 * connection. Changes to one key made through one store take effect in the order of the calls, and what is invalidated,
 * by tag or as a whole, includes all that was asked to be set before. Time is the store's own clock. `@holdfast/cache/testing` has the conformance suite.
 */
export interface CacheStore extends AsyncDisposable {
  /** Names the tier in statistics, such as `'redis'`. */
  readonly name: string;
  /** Reads many keys in one round trip: one result for each key, in the same order. */
  getMany(namespace: string, keys: readonly string[]): Promise<readonly StoreRead[]>;
  /** Writes many entries in one round trip. Tells for each whether it was written (`false`: its fence was passed). */
  setMany(
    namespace: string,
    writes: readonly StoreWrite[],
    options?: StoreChangeOptions,
  ): Promise<readonly boolean[]>;
  /** Deletes many keys in one round trip, whether they exist or not. Fences that were read before no longer hold. */
  deleteMany(
    namespace: string,
    keys: readonly string[],
    options?: StoreChangeOptions,
  ): Promise<void>;
  /** Invalidates every entry of the namespace, in constant time however many there are. */
  clear(namespace: string, options?: StoreChangeOptions): Promise<void>;
  /**
   * Invalidates every entry of the namespace that carries one of the tags, in constant time however many there are:
   * such entries are absent from now on, and a fenced write of one whose fence was read before is left out.
   */
  invalidateTags(
    namespace: string,
    tags: readonly string[],
    options?: StoreChangeOptions,
  ): Promise<void>;
  /**
   * Claims keys, or prolongs claims that are held, in one round trip. Who makes the value of a key under a claim is the
   * only one as long as the claim lasts; that nothing outdated is stored is the fence's business. Absent, with
   * {@link CacheStore.releaseMany}, in a store that cannot.
   */
  claimMany?(
    namespace: string,
    claims: readonly StoreClaim[],
    ttlMs: number,
  ): Promise<readonly StoreClaimResult[]>;
  /** Gives claims up, and tells listeners of those that somebody else asked for. Claims that were lost are left alone. */
  releaseMany?(
    namespace: string,
    claims: readonly StoreClaim[],
    options?: StoreChangeOptions,
  ): Promise<void>;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
  /**
   * Tells of unconditional writes, deletions, clears and invalidated tags made through any handle on the same data,
   * this one included.
   * Absent in a store that cannot.
   */
  subscribe?(namespace: string, listener: StoreListener): Promise<StoreSubscription>;
  /** Releases what the store opened itself. Idempotent. Later calls fail with `CACHE_CLOSED`. */
  close(): Promise<void>;
}
