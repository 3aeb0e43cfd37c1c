import type { HistoryEntry, When } from './task.js';

/** Names a lease; the worker of the exchange completes the name. */
export interface LeaseRef {
  readonly id: string;
  readonly epoch: number;
}

/** A lease to be extended. */
export interface Extension extends LeaseRef {
  /** What the handler reports, as JSON; kept until the next report. Needs feature `progress`. */
  readonly progress?: string;
}

/** How a lease ends. `entry` is added to the task's history. */
export type Settlement =
  | (LeaseRef & { readonly outcome: 'completed'; readonly result: string | null })
  | (LeaseRef & { readonly outcome: 'retry'; readonly when: When; readonly entry: HistoryEntry })
  | (LeaseRef & { readonly outcome: 'dead'; readonly entry: HistoryEntry })
  /** Handed back: the claim does not count as an attempt. */
  | (LeaseRef & { readonly outcome: 'released'; readonly when: When });

/**
 * The one call of a worker's loop. The store does, in this order: settle, extend, make due tasks ready (and admit those
 * of groups whose rate has room again), claim.
 */
export interface ExchangeRequest {
  /** Unique to the worker instance: part of the fence. */
  readonly worker: string;
  /** At most one of each task: of more, a store may take the first and call the others stale. */
  readonly settle: readonly Settlement[];
  readonly extend: readonly Extension[];
  /** Claims at most `limit` tasks altogether, from the queues in the order given. */
  readonly claim: {
    readonly queues: readonly string[];
    readonly limit: number;
    /**
     * Needs feature `handover`. Where fewer than `limit` are claimed, the worker stays parked at its queues for the
     * rest, until its next exchange and at most for the length of a lease: a task that could be claimed as soon as it
     * is enqueued may be leased to it there and then, see `QueueStore.onHandover`.
     */
    readonly park?: boolean;
  };
  /** Length of a lease, new or extended. */
  readonly leaseMs: number;
}

/** A task under a lease. */
export interface ClaimedTask extends LeaseRef {
  readonly queue: string;
  readonly name: string;
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly priority: number;
  /** From 1; equal to `maxAttempts` at the last. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly enqueuedAt: number;
  /** When it became due. */
  readonly runAt: number;
  /** Absent where it has none. */
  readonly group?: string;
  /** How many children it waited for; absent where none. */
  readonly children?: number;
}

/** What an exchange did; the lists are in the order of the request. */
export interface ExchangeReply {
  /** The store's clock. */
  readonly now: number;
  readonly settled: readonly ('ok' | 'stale')[];
  /** `cancel`: extended, but the task was cancelled: its handler should end. Only with feature `cancel`. */
  readonly extended: readonly ('ok' | 'lost' | 'cancel')[];
  /**
   * Indexes in `settle` of the leases that ended as `cancelled` because that was asked for, whatever the settlement
   * said; `settled` has `ok` for them. Absent where none.
   */
  readonly cancelled?: readonly number[];
  readonly claimed: readonly ClaimedTask[];
  /** When a queue asked for may next have something by time alone: a scheduled task due, or a rate with room again. */
  readonly nextDueAt: number | null;
}

/** What a sweep did. */
export interface SweepReport {
  /** Leases that ran out; their tasks are ready again. */
  readonly lapsed: number;
  /** Tasks whose last attempt's lease ran out. */
  readonly died: readonly { readonly id: string; readonly queue: string; readonly name: string }[];
  /** Finished tasks and keys past their retention. */
  readonly pruned: number;
  /** Tasks that schedules enqueued: feature `schedules`. */
  readonly fired?: number;
}
