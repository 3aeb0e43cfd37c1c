/** Counters and gauges of L1, since the cache was created. */
export interface L1Stats {
  readonly hits: number;
  readonly misses: number;
  readonly entries: number;
  /** Estimated bytes of the entries; 0 unless `maxBytes` is set. */
  readonly bytes: number;
  readonly maxEntries: number;
  /** `null`: no limit by bytes. */
  readonly maxBytes: number | null;
  /** Entries that left to make room. */
  readonly evictions: number;
  /** Entries found at a read to have outlived their time. */
  readonly expirations: number;
  /** Entries that left, or were replaced, without having answered a read. Those that a `clear` dropped do not count. */
  readonly neverRead: number;
}

/** Counters and gauges of L2 or L3, since the cache was created. */
export interface L2Stats {
  /** The store's name. */
  readonly store: string;
  readonly hits: number;
  readonly misses: number;
  /** Entries written. */
  readonly writes: number;
  /** Fills that were left out because the key was changed meanwhile, by any process. */
  readonly fencedFills: number;
  /** Entries of another version or format, or damaged: counted as misses too. */
  readonly foreign: number;
  /** Values that the serialiser refused: they stay in L1 only. */
  readonly unencodable: number;
  /** Operations that failed, time limits included. */
  readonly errors: number;
  readonly timeouts: number;
  /** Reads and writes of a key that were left out: circuit open, or the key awaits repair. */
  readonly skipped: number;
  /** `'closed'`: in use. `'open'`: the store failed repeatedly and is left alone until it answers again. */
  readonly circuit: 'closed' | 'open';
  /** Keys whose change did not reach the store; not read from it until they are deleted there. */
  readonly awaitingRepair: number;
  /** Whether the whole namespace awaits such a repair. */
  readonly namespaceAwaitingRepair: boolean;
  /** Invalidations received from other processes. */
  readonly remoteInvalidations: number;
  /** Whether invalidations of other processes reach this one now. */
  readonly subscribed: boolean;
}

/** Counters of factory runs, since the cache was created. */
export interface LoadStats {
  /** Runs begun. */
  readonly count: number;
  /** Runs in progress. */
  readonly running: number;
  readonly errors: number;
  /** Callers that waited for a run that another caller had started. */
  readonly joined: number;
  /** Results that were not stored because the key was invalidated while the factory ran. */
  readonly superseded: number;
  /** Runs that stale values gave time for: begun ahead of time, or gone on with in the background. */
  readonly background: number;
  /** Runs that ended without a result because they took too long, or because nobody waited any more. */
  readonly aborted: number;
  /** Runs that were answered with a stale value. */
  readonly stale: number;
  /** Milliseconds spent in factories. */
  readonly totalMs: number;
}

/** Statistics of one cache. */
export interface CacheStats {
  readonly namespace: string;
  /** Share of reads that a tier answered, 0–1; 0 before the first read. Who waits for a factory counts as not answered. */
  readonly hitRatio: number;
  /** `null`: the cache has no L1. */
  readonly l1: L1Stats | null;
  /** `null`: the cache has no L2. */
  readonly l2: L2Stats | null;
  /** `null`: the cache has no L3. */
  readonly l3: L2Stats | null;
  /** Values from the tiers below L1 that did not fit the schema: counted as misses too. */
  readonly invalid: number;
  readonly loads: LoadStats;
}
