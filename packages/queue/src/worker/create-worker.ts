import { hasFunctions, invalidOption } from '../options.js';
import { requireTask } from '../task.js';
import type { AnyHandler } from './handlers.js';
import type { WorkerOptions } from './options.js';
import type { AnyQueue } from './types.js';
import { Worker } from './worker.js';

/**
 * Makes a worker; `start()` sets it going.
 *
 * @example
 * ```ts
 * const worker = createWorker(queue, [handle(sendEmail, async ({ to }) => post(to))]);
 * await worker.start();
 * ```
 * @throws QueueError `QUEUE_OPTION_INVALID`
 */
export function createWorker(
  queues: AnyQueue | readonly AnyQueue[],
  handlers: readonly AnyHandler[],
  options?: WorkerOptions,
): Worker {
  if (!Array.isArray(handlers))
    throw invalidOption('handlers', 'an array of handle(task, fn)', handlers);
  for (const [index, handler] of (handlers as readonly AnyHandler[]).entries()) {
    if (!hasFunctions(handler, ['run']) && !hasFunctions(handler, ['runBatch']))
      throw invalidOption(`handlers[${index}]`, 'made by handle(task, fn)', handler);
    requireTask(`handlers[${index}].task`, handler.task);
  }
  const list = isList(queues) ? queues : [queues];
  for (const [index, queue] of list.entries()) {
    const made = hasFunctions(queue?.store, ['exchange']) && queue.internals !== undefined;
    const path = isList(queues) ? `queues[${index}]` : 'queues';
    if (!made) throw invalidOption(path, 'made by createQueue', queue);
  }
  return new Worker(list, handlers, options);
}

function isList(value: AnyQueue | readonly AnyQueue[]): value is readonly AnyQueue[] {
  return Array.isArray(value);
}
