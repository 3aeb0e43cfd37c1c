import type { LimitsInfo } from './admin/limits-data.js';
import type { HistoryKind, TaskState } from './store.js';

/** Who changes something, and why: recorded in the event of it, in the history of tasks and with a pause; and logged. */
export interface Change {
  /** At most 200 characters. */
  by?: string | undefined;
  /** At most 1000 characters. */
  reason?: string | undefined;
}

/** Which tasks: all given parts must hold. */
export interface TaskFilterInput {
  queue?: string | undefined;
  states?: TaskState[] | undefined;
  /** Name of the task definition. */
  name?: string | undefined;
  /** At most 500. */
  ids?: string[] | undefined;
  /** Key of a group. This and what follows needs a store with the feature `filters`. */
  group?: string | undefined;
  /** What blocked tasks wait for; `none` for those that are not blocked. */
  blockedBy?: 'children' | 'group' | 'none' | undefined;
  /** Name of the last error, such as `TypeError`. */
  error?: string | undefined;
  /** Finished at or after this time, ISO 8601. */
  finishedFrom?: string | undefined;
  /** Finished before this time, ISO 8601. */
  finishedTo?: string | undefined;
}

/** Input of `list`. */
export interface ListTasksInput {
  filter?: TaskFilterInput | undefined;
  /** @defaultValue `'newest'` */
  sort?: 'newest' | 'oldest' | undefined;
  /**
   * From 1 to 500.
   * @defaultValue 50
   */
  limit?: number | undefined;
  /** `nextCursor` of the page before. */
  cursor?: string | null | undefined;
}

/** Input of `redriveMany` and `purge` (which dead letters) and `promoteMany`: which tasks, and how many at most. */
export interface BulkInput extends Change {
  filter?: Omit<TaskFilterInput, 'states'> | undefined;
  /**
   * From 1 to 10000.
   * @defaultValue 1000
   */
  limit?: number | undefined;
}

/** Input of `redrive`. */
export interface RedriveInput extends Change {
  /** A JSON value in place of the payload. It is checked by the handler's side, as every payload is. */
  payload?: unknown;
}

/** Input of `redriveMany`. */
export interface RedriveManyInput extends BulkInput {
  /**
   * Milliseconds from one redriven task to the next.
   * @defaultValue 0
   */
  everyMs?: number | undefined;
}

/** Input of `cancel`. */
export interface CancelInput extends Change {
  /**
   * Also if it runs: its handler's signal aborts, and however it ends it is cancelled.
   * @defaultValue false
   */
  running?: boolean | undefined;
}

/** Input of `cancelMany`: which tasks that wait, and with `running` those that run. */
export interface CancelManyInput extends BulkInput {
  /** @defaultValue false */
  running?: boolean | undefined;
}

/** Input of `reprioritiseMany`: which tasks that wait. */
export interface ReprioritiseManyInput extends BulkInput {
  /** From −32768 to 32767. */
  priority: number;
}

/** Input of `moveMany`: which tasks, ready, scheduled and dead ones where no states are given. */
export interface MoveManyInput extends Change {
  filter?:
    | (Omit<TaskFilterInput, 'states'> & {
        states?: ('ready' | 'scheduled' | 'dead')[] | undefined;
      })
    | undefined;
  /** The queue that they go to. */
  to: string;
  /**
   * From 1 to 10000.
   * @defaultValue 1000
   */
  limit?: number | undefined;
}

/** Input of `clean`: which finished tasks, all where no states are given. */
export interface CleanInput extends Change {
  filter?:
    | (Omit<TaskFilterInput, 'states'> & {
        states?: ('completed' | 'dead' | 'cancelled')[] | undefined;
      })
    | undefined;
  /**
   * From 1 to 10000.
   * @defaultValue 1000
   */
  limit?: number | undefined;
}

/** {@link ListTasksInput} with its defaults. */
export interface ListTasksQuery {
  filter: TaskFilterInput;
  sort: 'newest' | 'oldest';
  limit: number;
  cursor?: string | null | undefined;
}

/** {@link BulkInput} with its defaults. */
export interface BulkQuery extends Change {
  filter: Omit<TaskFilterInput, 'states'>;
  limit: number;
}

/** One thing that befell a task, as plain data. */
export interface HistoryInfo {
  kind: HistoryKind;
  /** ISO 8601, UTC. */
  at: string;
  attempt: number;
  epoch: number;
  worker?: string | undefined;
  /** Name of the error. */
  name?: string | undefined;
  message?: string | undefined;
  stack?: string | undefined;
  code?: string | undefined;
  durationMs?: number | undefined;
  by?: string | undefined;
  reason?: string | undefined;
  /** Id of the child that failed. */
  child?: string | undefined;
  /** Whether the payload was changed when it was redriven. */
  edited?: boolean | undefined;
  /** The queue that it was moved from. */
  from?: string | undefined;
}

/** A task, as plain data; times are ISO 8601, UTC. */
export interface TaskInfo {
  id: string;
  queue: string;
  name: string;
  state: TaskState;
  /** As it was enqueued; text when it is not JSON. */
  payload: unknown;
  headers: Record<string, string>;
  priority: number;
  /** Attempts that count, since it was enqueued or redriven. */
  attempts: number;
  maxAttempts: number;
  /** How often it was claimed. */
  epoch: number;
  idempotencyKey: string | null;
  enqueuedAt: string;
  /** When it became or becomes due. */
  runAt: string;
  /** Start of the last claim. */
  startedAt: string | null;
  leaseUntil: string | null;
  /** The worker that holds it, held it when it ended, or last did without settling. */
  worker: string | null;
  finishedAt: string | null;
  /** When the finished task will be dropped. */
  expiresAt: string | null;
  result: unknown;
  history: HistoryInfo[];
  /** Key of its group. Absent where it has none, as are all below. */
  group?: string | undefined;
  /** What a blocked task waits for; its state is `scheduled`. */
  blockedBy?: 'children' | 'group' | undefined;
  /** Ids of the tasks it waits or waited for. */
  children?: string[] | undefined;
  /** Whether its handler was asked to end. */
  cancelRequested?: boolean | undefined;
  /** What its handler last reported. */
  progress?: unknown;
}

/** A page of tasks. */
export interface TaskPage {
  items: TaskInfo[];
  nextCursor: string | null;
}

/** Tasks by state. */
export type TaskCounts = Record<TaskState, number>;

/** A queue, as plain data. */
export interface QueueInfo {
  queue: string;
  paused: boolean;
  pausedReason: string | null;
  pausedBy: string | null;
  counts: TaskCounts;
  /** How long the task ready longest has been due. */
  oldestReadyAgeSeconds: number | null;
  /** How many of the scheduled wait for children or for a slot of their group. */
  blocked: number;
  /** Absent where it has none. */
  limits?: LimitsInfo | undefined;
}

/** Input of `queues`. */
export interface ListQueuesInput {
  /**
   * From 1 to 500.
   * @defaultValue 50
   */
  limit?: number | undefined;
  /** `nextCursor` of the page before. */
  cursor?: string | null | undefined;
}

/** A page of queues. */
export interface QueueList {
  items: QueueInfo[];
  nextCursor: string | null;
}

/** What a bulk change did. */
export interface Changed {
  changed: number;
}
