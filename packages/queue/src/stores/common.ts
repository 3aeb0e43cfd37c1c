import { QueueError } from '../errors.js';
import { invalidOption, shown } from '../options.js';
import type { NewTask, StoreFeature } from '../store.js';

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

/** Refuses a transaction where the store has none. */
export function refuseTransaction(store: string, tx: unknown): void {
  if (tx === undefined) return;
  throw invalidOption('options.tx', `absent: the ${store} store has no transactions`, tx);
}

/**
 * Checks that each task of an `enqueue` has an id of its own, and waits only for tasks that come before it.
 *
 * @throws QueueError `QUEUE_TASK_CONFLICT`, `QUEUE_INPUT_INVALID`
 */
export function checkBatch(
  tasks: readonly NewTask[],
  isTaken: (id: string) => boolean = () => false,
): void {
  const ids = new Set<string>();
  for (const { id, waitFor } of tasks) {
    if (ids.has(id) || isTaken(id))
      throw new QueueError('QUEUE_TASK_CONFLICT', `There is a task ${id} already`);
    const unknown = waitFor?.ids.find((child) => !ids.has(child));
    if (unknown !== undefined) {
      const text = `Task ${id} waits for ${shown(unknown)}, which does not come before it`;
      throw new QueueError('QUEUE_INPUT_INVALID', text);
    }
    ids.add(id);
  }
}
