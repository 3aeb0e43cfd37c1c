import type { GroupLimits, TaskGroup } from '../../store.js';
import { Heap } from '../heap.js';
import { RateWindow } from './rates.js';
import type { MemoryTask } from './task.js';

/** A task's place in a heap. It holds a copy of what orders it: the task's own may change. */
export interface Entry {
  readonly task: MemoryTask;
  readonly ticket: number;
  readonly priority: number;
  readonly tag: number;
  readonly seq: number;
  readonly at: number;
}

/** The place that a task has now. */
export function entryOf(task: MemoryTask): Entry {
  const { ticket, tag, seq, runAt: at } = task;
  return { task, ticket, priority: task.task.priority, tag, seq, at };
}

/** The order of claims. */
export function claimedBefore(a: Entry, b: Entry): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  return a.tag === b.tag ? a.seq < b.seq : a.tag < b.tag;
}

/** The top of a heap, once what is out of date is dropped. */
export function current(heap: Heap<Entry>): MemoryTask | undefined {
  for (;;) {
    const entry = heap.peek();
    if (entry === undefined) return undefined;
    if (entry.ticket === entry.task.ticket) return entry.task;
    heap.pop();
  }
}

/** A group of a queue, there while it has a live task, a slot that is held, or claims that count. */
export class MemoryGroup {
  readonly key: string;
  /** Tag of its last task. */
  last = 0;
  live = 0;
  /** Slots that are held. */
  held = 0;
  strict: TaskGroup['strict'];
  limits: GroupLimits | null = null;
  rate: RateWindow | null = null;
  /** When the queue will look again, for the rate will have room. */
  reopenAt: number | null = null;
  readonly ready: Set<MemoryTask> = new Set();
  readonly backlog: Heap<Entry> = new Heap<Entry>(claimedBefore);

  constructor(key: string) {
    this.key = key;
  }

  setLimits(limits: GroupLimits | null): void {
    this.limits = limits;
    this.rate = RateWindow.next(this.rate, limits?.rate);
    if ((this.rate?.nextFree() ?? null) === null) this.reopenAt = null;
  }

  /** Slots free by the number of tasks; below zero where a limit was lowered. */
  space(): number {
    const most = this.limits?.concurrency ?? Number.POSITIVE_INFINITY;
    return (this.strict === undefined ? most : Math.min(1, most)) - this.held;
  }

  /** Slots free by the rate. */
  allowance(now: number): number {
    return this.rate === null
      ? Number.POSITIVE_INFINITY
      : this.rate.max - this.rate.used(now) - this.ready.size;
  }

  isIdle(now: number): boolean {
    return this.live === 0 && this.held === 0 && (this.rate?.used(now) ?? 0) === 0;
  }
}
