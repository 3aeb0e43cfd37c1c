import { QueueError } from '../errors.js';
import { invalid, invalidOption, shown } from '../options.js';
import type {
  AlterationBase,
  NewTask,
  PriorityRange,
  QueuePage,
  StoredEvent,
  StoredEventType,
  StoreFeature,
} from '../store.js';

/** What all stores of this package can do. */
export const COMMON_FEATURES: readonly StoreFeature[] = [
  'dedup',
  'limits',
  'groups',
  'flows',
  'schedules',
  'cancel',
  'redrive',
  'filters',
  'edits',
  'move',
  'progress',
  'events',
  'metrics',
];

/** Whether names are asked for, not a page. */
export function areNames(
  queues: readonly string[] | QueuePage | undefined,
): queues is readonly string[] | undefined {
  return queues === undefined || Array.isArray(queues);
}

/** The priority of a range that is nearest. */
export function nearestPriority(range: PriorityRange | null, priority: number): number {
  return range === null ? priority : Math.min(range.max, Math.max(range.min, priority));
}

/** What an enqueue is refused with. */
export function priorityRefused(range: PriorityRange, priority: number): QueueError {
  const rule = `from ${range.min} to ${range.max}, the range of its queue`;
  const issue = { path: 'priority', rule, received: shown(priority) };
  return invalid('QUEUE_PRIORITY_INVALID', [issue]);
}

/** What an event says beside its subject, as a store keeps it: a report as it is, all else as a JSON object. */
export function eventDetail(
  type: StoredEventType,
  text: string | null | undefined,
): Pick<StoredEvent, 'progress' | 'by' | 'reason' | 'from' | 'count'> {
  if (!text) return {};
  return type === 'task.progress' ? { progress: text } : (JSON.parse(text) as AlterationBase);
}

/** Refuses a transaction where the store has none. */
export function refuseTransaction(store: string, tx: unknown): void {
  if (tx === undefined) return;
  throw invalidOption('options.tx', `absent: the ${store} store has no transactions`, tx);
}

/** Whether each id is greater than the one before, so that no two are the same, and no task waits for another. */
function isAscending(tasks: readonly NewTask[]): boolean {
  let last = '';
  for (const { id, waitFor } of tasks) {
    if (id <= last || waitFor !== undefined) return false;
    last = id;
  }
  return true;
}

/**
 * Checks that each task of an `enqueue` has an id of its own, and waits only for tasks that come before it.
 *
 * @throws QueueError `QUEUE_TASK_CONFLICT`, `QUEUE_INPUT_INVALID`
 */
export function checkBatch(tasks: readonly NewTask[], isTaken?: (id: string) => boolean): void {
  // What a producer makes is in order, and a set of many ids costs as much as the rest of their way to the store.
  if (isTaken === undefined && isAscending(tasks)) return;
  const ids = new Set<string>();
  for (const { id, waitFor } of tasks) {
    if (ids.has(id) || isTaken?.(id) === true)
      throw new QueueError('QUEUE_TASK_CONFLICT', `There is a task ${id} already`);
    const unknown = waitFor?.ids.find((child) => !ids.has(child));
    if (unknown !== undefined) {
      const text = `Task ${id} waits for ${shown(unknown)}, which does not come before it`;
      throw new QueueError('QUEUE_INPUT_INVALID', text);
    }
    ids.add(id);
  }
}
