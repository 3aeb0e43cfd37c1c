import { invalidOption } from '../options.js';
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
  return new Worker(isList(queues) ? queues : [queues], handlers, options);
}

function isList(value: AnyQueue | readonly AnyQueue[]): value is readonly AnyQueue[] {
  return Array.isArray(value);
}
