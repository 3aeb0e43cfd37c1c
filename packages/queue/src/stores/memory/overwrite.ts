import type { EnqueueOutcome, NewTask } from '../../store.js';
import { dueAt, type MemoryTask } from './task.js';
import type { MemoryTasks } from './tasks.js';

/** What an enqueue does to the task that holds its key: see `TaskKey.mode`. */
export function overwrite(
  tasks: MemoryTasks,
  holder: MemoryTask | undefined,
  task: NewTask,
  id: string,
  now: number,
): EnqueueOutcome {
  const mode = task.key?.mode ?? 'ignore';
  const waits = holder !== undefined && (holder.state === 'ready' || holder.state === 'scheduled');
  if (mode === 'ignore' || !waits || holder.epoch > 0) return { outcome: 'duplicate', id };
  if (mode === 'replace') {
    replace(tasks, holder, task, now);
    return { outcome: 'replaced', id };
  }
  const payload = merged(holder.task.payload, task.payload);
  const most = task.key?.maxMergedChars ?? Number.POSITIVE_INFINITY;
  if (payload === null || payload.length > most) return { outcome: 'duplicate', id };
  holder.task = { ...holder.task, payload };
  return { outcome: 'merged', id };
}

function replace(tasks: MemoryTasks, holder: MemoryTask, task: NewTask, now: number): void {
  const { name, payload, headers, priority, maxAttempts, keepCompletedMs, keepDeadMs } = task;
  const part = { name, payload, headers, priority, maxAttempts, keepCompletedMs, keepDeadMs };
  holder.task = { ...holder.task, ...part };
  holder.runAt = dueAt(task.when, now);
  const queue = tasks.queue(holder.task.queue);
  if (holder.blockedBy === 'children') return;
  queue.arrive(holder, now);
  if (holder.runAt > now) queue.freeSlot(holder, now);
}

/** The two texts as one array or one object, null where they are not of one kind. */
function merged(a: string, b: string): string | null {
  const open = a[0];
  if ((open !== '[' && open !== '{') || b[0] !== open) return null;
  if (b.length === 2) return a;
  if (a.length === 2) return b;
  return `${a.slice(0, -1)},${b.slice(1)}`;
}
