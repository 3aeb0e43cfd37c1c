/** The state of a task. A `scheduled` one waits for its time or, where it is blocked, for children or its group. */
export type TaskState = 'ready' | 'scheduled' | 'leased' | 'completed' | 'dead' | 'cancelled';

/** When a task may first run: a delay from now by the store's clock, or an absolute time. */
export type When = { readonly delayMs: number } | { readonly atMs: number };

/**
 * An idempotency key: among the live tasks of the queue, and for `ttlMs` after the enqueue, only one task has it.
 * `ttlMs` 0 holds it while the task is live and no longer; a hundred years is "for ever". The rest needs feature
 * `dedup`.
 */
export interface TaskKey {
  readonly value: string;
  readonly ttlMs: number;
  /**
   * What an enqueue does when another task holds the key and was never claimed, is not leased and not finished:
   * - `ignore`, the default: nothing; the outcome is `duplicate`.
   * - `replace`: name, payload, headers, priority, `maxAttempts`, retention and `when` become those of the new task,
   *   so a delay begins again (debounce). Id, group, history, place in the order and key stay. Outcome `replaced`.
   * - `merge`: where both payloads begin with `[`, or both with `{`, and are not empty, the text of the new one is
   *   appended before the last bracket (`[1]` and `[2]` become `[1,2]`; in an object the later of two equal names
   *   counts, as `JSON.parse` has it). All else stays, so a delay goes on (batching). Outcome `merged`. Two payloads
   *   that do not fit, or a text longer than `maxMergedChars`, are `duplicate`.
   *
   * A task waiting for its children is replaced or merged like any other that waits.
   */
  readonly mode?: 'ignore' | 'replace' | 'merge';
  /** Longest payload that a merge may make, in UTF-16 units. @defaultValue no limit */
  readonly maxMergedChars?: number;
  /** Frees the key as soon as its task is dead or cancelled, whatever its time. @defaultValue false */
  readonly freeOnFailure?: boolean;
  /**
   * Frees the key when its task is first claimed, whatever its time; the task never takes it again, be it retried,
   * lapsed, handed back, redriven or moved. @defaultValue false
   */
  readonly freeOnStart?: boolean;
}

/** The group a task belongs to: feature `groups`. */
export interface TaskGroup {
  /** Of the queue. */
  readonly key: string;
  /** Share of the queue beside other groups, 0.001 to 1000. @defaultValue that of the queue's settings, or 1 */
  readonly weight?: number;
  /**
   * One at a time, in order: a task that waits for its retry holds back the rest of its group. One that fails for
   * good lets them go on (`skip`) or holds them until it is redriven, removed or expired (`block`). The last task
   * enqueued says which; absent is not strict.
   */
  readonly strict?: 'skip' | 'block';
}

/** Waiting for children: feature `flows`. */
export interface WaitFor {
  /** Tasks of the same queue that come earlier in the same `enqueue`, so that no circle can be made. */
  readonly ids: readonly string[];
  /** When a child dies or is cancelled or removed: the parent dies at once, or takes it as finished. */
  readonly onFailure: 'fail' | 'ignore';
}

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
  readonly key?: TaskKey | undefined;
  readonly group?: TaskGroup | undefined;
  readonly waitFor?: WaitFor | undefined;
}

/** What became of one task of an `enqueue`. */
export interface EnqueueOutcome {
  readonly outcome: 'added' | 'duplicate' | 'replaced' | 'merged';
  /** Of the task added, or of the one that holds the key. */
  readonly id: string;
}

/**
 * What befell a task. `error`: the handler threw; `timeout`: it ran out of time; `invalid`: payload or result did not
 * fit; `lapsed`: the lease ran out (a crash, or a blocked event loop); `child`: a child failed; what comes after it: by an
 * operator.
 */
export type HistoryKind =
  | 'error'
  | 'timeout'
  | 'invalid'
  | 'lapsed'
  | 'child'
  | 'redriven'
  | 'cancelled'
  | 'promoted'
  | 'reprioritised'
  | 'moved';

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
  /** The child that failed. */
  readonly child?: string;
  /** Whether the payload was changed when it was redriven. */
  readonly edited?: true;
  /** The queue that it was moved from. */
  readonly from?: string;
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
  /** The worker that holds it, held it when it ended, or last did without settling. */
  readonly worker: string | null;
  readonly finishedAt: number | null;
  /** When the finished task will be dropped. */
  readonly expiresAt: number | null;
  readonly result: string | null;
  readonly history: readonly HistoryEntry[];
  /** Key of its group. Absent where it has none, as are all below. */
  readonly group?: string;
  /** What a blocked task waits for. Its state is `scheduled`. */
  readonly blockedBy?: 'children' | 'group';
  /** The children it waits or waited for, in the order given. */
  readonly children?: readonly string[];
  /** True once its lease was asked to end. */
  readonly cancelRequested?: true;
  /** What its handler last reported, as JSON. */
  readonly progress?: string;
}

/** Which tasks. All given parts must hold. From `group` on: feature `filters`. */
export interface TaskFilter {
  readonly ids?: readonly string[];
  readonly queue?: string;
  readonly states?: readonly TaskState[];
  readonly name?: string;
  readonly group?: string;
  /** What it waits for, `none` for a task that is not blocked. */
  readonly blockedBy?: 'children' | 'group' | 'none';
  /** Children of this task. Needs feature `flows` instead. */
  readonly childrenOf?: string;
  /** Name of the error in the last entry of the history that has one. */
  readonly error?: string;
  /** Finished at or after this time. */
  readonly finishedFrom?: number;
  /** Finished before this time. */
  readonly finishedTo?: number;
}

/** A page of a list ordered by id, which is the order of enqueueing as the producers' clocks saw it. */
export interface PageRequest {
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
  /** Starts after this id. */
  readonly after?: string;
}
