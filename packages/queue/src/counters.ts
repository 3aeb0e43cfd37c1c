/** Counters of a queue object since it was made. */
export interface QueueCounters {
  /** Tasks enqueued. */
  added: number;
  /** Enqueues that found their key taken. */
  duplicates: number;
  /** Attempts begun. */
  started: number;
  /** Tasks completed. */
  completed: number;
  /** Attempts that failed and will be repeated. */
  failed: number;
  /** Tasks that failed for good. */
  dead: number;
  /** Leases lost to another worker. */
  lost: number;
  /** Tasks handed back, uncharged. */
  released: number;
}

/** Counters at zero. */
export function newCounters(): QueueCounters {
  return {
    added: 0,
    duplicates: 0,
    started: 0,
    completed: 0,
    failed: 0,
    dead: 0,
    lost: 0,
    released: 0,
  };
}
