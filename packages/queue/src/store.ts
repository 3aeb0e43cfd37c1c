/*
 * Terminology
 *
 * task      one piece of work, named after its definition, with a payload.
 * live      still to be done: `ready` (may be claimed), `scheduled` (not before its time) or `leased` (being worked on).
 * finished  `completed`, `dead` (failed for good: a dead letter) or `cancelled`.
 * claim     taking a ready task under a lease; it gets the next epoch.
 * epoch     how often the task was claimed. A lease is named by (id, epoch) and its worker; nothing else settles or
 *           extends it. That is the fence: whoever was overtaken holds an older epoch.
 * attempt   a claim that counts against `maxAttempts`. A claim that was handed back does not count.
 * lease     the right to work on a task until a deadline by the store's clock.
 * lapsed    the deadline passed with no word from the holder. The task is ready again, and its holder may still settle
 *           or extend until somebody else claims it.
 * settle    ending a lease: completed, to be retried, dead, or released (handed back).
 * sweep     what any process does now and then: lapse leases, drop what is past its retention. Needs no leader.
 */

/** The state of a task. */
export type TaskState = 'ready' | 'scheduled' | 'leased' | 'completed' | 'dead' | 'cancelled';

/** What a store promises. */
export interface StoreTraits {
  /** What an acknowledged enqueue survives: nothing, the death of the process, or the death of the machine. */
  readonly durable: 'none' | 'async' | 'commit';
  /** Whether `enqueue` takes the caller's transaction. */
  readonly transactional: boolean;
  /** Whether `onWake` hears of tasks that other processes enqueue. */
  readonly push: boolean;
}

/** When a task may first run: a delay from now by the store's clock, or an absolute time. */
export type When = { readonly delayMs: number } | { readonly atMs: number };

/** A task as it is handed to a store. Payload and headers are opaque text to it. */
export interface NewTask {
  /** A UUIDv7. */
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
  /** −32768 to 32767, the largest first. */
  readonly priority: number;
  readonly when: When;
  readonly maxAttempts: number;
  /** How long a finished task is kept: 0 keeps no trace of a completed one. */
  readonly keepCompletedMs: number;
  /** How long a dead letter is kept. */
  readonly keepDeadMs: number;
  /** Among the live tasks of the queue, and for `ttlMs` after the enqueue, only one task has this key. */
  readonly key?: { readonly value: string; readonly ttlMs: number } | undefined;
}

/** What became of one task of an `enqueue`. */
export interface EnqueueOutcome {
  readonly outcome: 'added' | 'duplicate';
  /** Of the task added, or of the one that holds the key. */
  readonly id: string;
}

/** Names a lease; the worker of the exchange completes the name. */
export interface LeaseRef {
  readonly id: string;
  readonly epoch: number;
}

/** How a lease ends. `entry` is added to the task's history. */
export type Settlement =
  | (LeaseRef & { readonly outcome: 'completed'; readonly result: string | null })
  | (LeaseRef & { readonly outcome: 'retry'; readonly when: When; readonly entry: HistoryEntry })
  | (LeaseRef & { readonly outcome: 'dead'; readonly entry: HistoryEntry })
  /** Handed back: the claim does not count as an attempt. */
  | (LeaseRef & { readonly outcome: 'released'; readonly when: When });

/**
 * What befell a task. `error`: the handler threw; `timeout`: it ran out of time; `invalid`: payload or result did not
 * fit; `lapsed`: the lease ran out (a crash, or a blocked event loop); `redriven` and `cancelled`: by an operator.
 */
export type HistoryKind = 'error' | 'timeout' | 'invalid' | 'lapsed' | 'redriven' | 'cancelled';

/** One thing that befell a task. */
export interface HistoryEntry {
  readonly kind: HistoryKind;
  /** Milliseconds since 1970: by the worker's clock where it reports, by the store's otherwise. */
  readonly at: number;
  /** The attempt it belongs to, from 1. */
  readonly attempt: number;
  readonly epoch: number;
  readonly worker?: string;
  /** The error's name. */
  readonly name?: string;
  readonly message?: string;
  readonly stack?: string;
  readonly code?: string;
  /** How long the attempt ran. */
  readonly durationMs?: number;
  /** Who did it, where an operator did. */
  readonly by?: string;
  /** Why, where an operator did. */
  readonly reason?: string;
}

/** The one call of a worker's loop. The store does, in this order: settle, extend, make due tasks ready, claim. */
export interface ExchangeRequest {
  /** Unique to the worker instance: part of the fence. */
  readonly worker: string;
  readonly settle: readonly Settlement[];
  readonly extend: readonly LeaseRef[];
  /** Claims at most `limit` tasks altogether, from the queues in the order given. */
  readonly claim: { readonly queues: readonly string[]; readonly limit: number };
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
}

/** What an exchange did; the lists are in the order of the request. */
export interface ExchangeReply {
  /** The store's clock. */
  readonly now: number;
  readonly settled: readonly ('ok' | 'stale')[];
  readonly extended: readonly ('ok' | 'lost')[];
  readonly claimed: readonly ClaimedTask[];
  /** When the next scheduled task of the queues asked for becomes due, by the store's clock. */
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
}

/** A task as it is kept. */
export interface TaskRecord {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly state: TaskState;
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly epoch: number;
  readonly key: string | null;
  readonly enqueuedAt: number;
  readonly runAt: number;
  /** Start of the last claim. */
  readonly startedAt: number | null;
  readonly leaseUntil: number | null;
  /** The worker that holds it, or last did without settling. */
  readonly worker: string | null;
  readonly finishedAt: number | null;
  /** When the finished task will be dropped. */
  readonly expiresAt: number | null;
  readonly result: string | null;
  readonly history: readonly HistoryEntry[];
}

/** Which tasks. All given parts must hold. */
export interface TaskFilter {
  readonly ids?: readonly string[];
  readonly queue?: string;
  readonly states?: readonly TaskState[];
  readonly name?: string;
}

/** A page of a list ordered by id, which is the order of enqueueing as the producers' clocks saw it. */
export interface PageRequest {
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
  /** Starts after this id. */
  readonly after?: string;
}

/** Counts and settings of one queue. */
export interface QueueStats {
  readonly queue: string;
  readonly paused: boolean;
  readonly pausedReason: string | null;
  readonly pausedBy: string | null;
  readonly counts: Readonly<Record<TaskState, number>>;
  /** When the task that has been ready longest became due. */
  readonly oldestReadyAt: number | null;
  /** The store's clock. */
  readonly now: number;
}

/**
 * A change to tasks at rest: `redrive` makes dead letters ready again with all their attempts before them, `cancel`
 * ends ready and scheduled tasks, `remove` deletes what is not leased, with its key.
 */
export interface Alteration {
  readonly kind: 'redrive' | 'cancel' | 'remove';
  readonly by?: string;
  readonly reason?: string;
}

/** A change to a queue. */
export interface QueuePatch {
  readonly paused: boolean;
  readonly reason?: string;
  readonly by?: string;
}

/**
 * Where tasks live. Every operation works on a batch, is atomic, and takes its time from the store's own clock.
 * `Tx` is the type of transaction that `enqueue` can join; `never` where there is none.
 */
export interface QueueStore<Tx = never> extends AsyncDisposable {
  /** What it is called in logs and metrics, such as `memory` or `postgres`. */
  readonly name: string;
  readonly traits: StoreTraits;
  /** Makes or updates what the store needs. Idempotent, safe to call from many processes at once. */
  migrate(): Promise<void>;
  /** Adds all tasks or, when it throws (an id is taken), none. With `tx` they exist, and wake workers, once it commits. */
  enqueue(
    tasks: readonly NewTask[],
    options?: { readonly tx?: Tx | undefined },
  ): Promise<EnqueueOutcome[]>;
  exchange(request: ExchangeRequest): Promise<ExchangeReply>;
  /** Calls `wake` when a queue may have something new. A hint: may be lost, may be for nothing. */
  onWake(queues: readonly string[], wake: (queue: string) => void): Promise<AsyncDisposable>;
  /** Works off at most `limit` of each kind. */
  sweep(limit: number): Promise<SweepReport>;
  find(filter: TaskFilter, page: PageRequest): Promise<TaskRecord[]>;
  /** Of the queues named, or of all that have a task or a setting, by name. */
  stats(queues?: readonly string[]): Promise<QueueStats[]>;
  /** Changes at most `limit` tasks that the filter matches and the change fits, oldest first; returns their ids. */
  alter(filter: TaskFilter, change: Alteration, limit: number): Promise<string[]>;
  control(queue: string, patch: QueuePatch): Promise<void>;
  /** Ends listening. The database or client it was given stays open. */
  close(): Promise<void>;
}
