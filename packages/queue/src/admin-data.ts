import type { HistoryKind, TaskState } from './store.js';

/** Who changes something, and why: recorded in the history or the settings, and logged. */
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

/** Input of `redriveMany` and `purge`: which dead letters, and how many at most. */
export interface BulkInput extends Change {
  filter?: Omit<TaskFilterInput, 'states'> | undefined;
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
  /** The worker that holds it, or last did without settling. */
  worker: string | null;
  finishedAt: string | null;
  /** When the finished task will be dropped. */
  expiresAt: string | null;
  result: unknown;
  history: HistoryInfo[];
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
}

/** What a bulk change did. */
export interface Changed {
  changed: number;
}
