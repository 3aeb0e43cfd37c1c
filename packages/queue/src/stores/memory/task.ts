import type {
  ClaimedTask,
  HistoryEntry,
  NewTask,
  TaskRecord,
  TaskState,
  When,
} from '../../store.js';
import type { MemoryGroup } from './group.js';

/** A task in memory. */
export interface MemoryTask {
  task: NewTask;
  /** Order of arrival in its queue; a redriven task arrives again. */
  seq: number;
  /** Place in the fair order. */
  tag: number;
  state: TaskState;
  blockedBy: 'children' | 'group' | null;
  /** The group it is live in, or whose slot it holds. */
  group: MemoryGroup | null;
  /** Whether it holds a slot of its group. */
  slot: boolean;
  /** Ids of its children; a child that was a duplicate is the task that holds the key. */
  children: readonly string[];
  /** How many of them are live. */
  pending: number;
  parents: MemoryTask[];
  epoch: number;
  attempts: number;
  /** The worker that holds the lease, or let it lapse. */
  holder: string | null;
  leaseUntil: number | null;
  enqueuedAt: number;
  runAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  expiresAt: number | null;
  cancelRequested: boolean;
  progress: string | null;
  result: string | null;
  readonly history: HistoryEntry[];
  /** Changes with the state: entries of heaps that carry another one are out of date. */
  ticket: number;
}

const NONE: readonly string[] = Object.freeze([]);

/** A task that is nowhere yet. */
export function newMemoryTask(task: NewTask, seq: number, now: number, runAt: number): MemoryTask {
  return {
    task,
    seq,
    tag: 0,
    state: 'scheduled',
    blockedBy: null,
    group: null,
    slot: false,
    children: NONE,
    pending: 0,
    parents: [],
    epoch: 0,
    attempts: 0,
    holder: null,
    leaseUntil: null,
    enqueuedAt: now,
    runAt,
    startedAt: null,
    finishedAt: null,
    expiresAt: null,
    cancelRequested: false,
    progress: null,
    result: null,
    history: [],
    ticket: 0,
  };
}

/** A copy that later changes do not reach. */
export function toRecord(task: MemoryTask): TaskRecord {
  const { id, queue, name, payload, headers, priority, maxAttempts, key, group } = task.task;
  return {
    id,
    queue,
    name,
    state: task.state,
    payload,
    headers: { ...headers },
    priority,
    attempts: task.attempts,
    maxAttempts,
    epoch: task.epoch,
    key: key?.value ?? null,
    enqueuedAt: task.enqueuedAt,
    runAt: task.runAt,
    startedAt: task.startedAt,
    leaseUntil: task.leaseUntil,
    worker: task.holder,
    finishedAt: task.finishedAt,
    expiresAt: task.expiresAt,
    result: task.result,
    history: [...task.history],
    ...(group === undefined ? {} : { group: group.key }),
    ...(task.blockedBy === null ? {} : { blockedBy: task.blockedBy }),
    ...(task.children.length === 0 ? {} : { children: [...task.children] }),
    ...(task.cancelRequested ? { cancelRequested: true as const } : {}),
    ...(task.progress === null ? {} : { progress: task.progress }),
  };
}

/** What a worker gets. */
export function toClaimed(task: MemoryTask): ClaimedTask {
  const { id, queue, name, payload, headers, priority, maxAttempts, group } = task.task;
  const { epoch, attempts: attempt, enqueuedAt, runAt } = task;
  const claimed = {
    id,
    epoch,
    queue,
    name,
    payload,
    headers,
    priority,
    attempt,
    maxAttempts,
    enqueuedAt,
    runAt,
  };
  if (group === undefined && task.children.length === 0) return claimed;
  return {
    ...claimed,
    ...(group === undefined ? {} : { group: group.key }),
    ...(task.children.length === 0 ? {} : { children: task.children.length }),
  };
}

/** When a task is due, as a time. */
export function dueAt(when: When, now: number): number {
  return 'atMs' in when ? when.atMs : now + when.delayMs;
}
