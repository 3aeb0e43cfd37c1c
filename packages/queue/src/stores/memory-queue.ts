import type { HistoryEntry, NewTask, TaskRecord, TaskState } from '../store.js';
import { Heap } from './heap.js';

/** A task in memory. */
export interface MemoryTask {
  readonly task: NewTask;
  /** Order of arrival in its queue; a redriven task arrives again. */
  seq: number;
  state: TaskState;
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
  result: string | null;
  readonly history: HistoryEntry[];
  /** Changes with the state: entries of heaps that carry another one are out of date. */
  ticket: number;
}

interface Entry {
  readonly task: MemoryTask;
  readonly ticket: number;
  readonly seq: number;
  readonly at: number;
}

/** The live tasks of one queue, in order. */
export class MemoryQueue {
  readonly counts: Record<TaskState, number> = {
    ready: 0,
    scheduled: 0,
    leased: 0,
    completed: 0,
    dead: 0,
    cancelled: 0,
  };
  paused = false;
  pausedReason: string | null = null;
  pausedBy: string | null = null;
  /** Whether a setting was ever made: then the queue is listed even without tasks. */
  configured = false;
  readonly #ready = new Heap<Entry>((a, b) => {
    const [left, right] = [a.task.task.priority, b.task.task.priority];
    return left === right ? a.seq < b.seq : left > right;
  });
  readonly #scheduled = new Heap<Entry>((a, b) => (a.at === b.at ? a.seq < b.seq : a.at < b.at));

  /** Moves a task to a state, keeping counts and order. */
  move(task: MemoryTask, state: TaskState): void {
    this.counts[task.state]--;
    this.enter(task, state);
  }

  /** Puts a task that the queue does not count yet into a state. */
  enter(task: MemoryTask, state: TaskState): void {
    task.state = state;
    task.ticket++;
    this.counts[state]++;
    const entry = { task, ticket: task.ticket, seq: task.seq, at: task.runAt };
    if (state === 'ready') this.#ready.push(entry);
    else if (state === 'scheduled') this.#scheduled.push(entry);
  }

  /** Forgets a task. */
  leave(task: MemoryTask): void {
    this.counts[task.state]--;
    task.ticket++;
  }

  /** The next task to claim. */
  first(): MemoryTask | undefined {
    return current(this.#ready);
  }

  /** The task that becomes due next. */
  nextDue(): MemoryTask | undefined {
    return current(this.#scheduled);
  }
}

/** The top of a heap, once what is out of date is dropped. */
function current(heap: Heap<Entry>): MemoryTask | undefined {
  for (;;) {
    const entry = heap.peek();
    if (entry === undefined) return undefined;
    if (entry.ticket === entry.task.ticket) return entry.task;
    heap.pop();
  }
}

/** A copy that later changes do not reach. */
export function toRecord(task: MemoryTask): TaskRecord {
  const { id, queue, name, payload, headers, priority, maxAttempts, key } = task.task;
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
  };
}
