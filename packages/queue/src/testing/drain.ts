import type { Clock } from '../clock.js';
import { QueueError } from '../errors.js';
import { invalidOption, knownOptions } from '../options.js';
import { createWorker } from '../worker/create-worker.js';
import type { AnyHandler } from '../worker/handlers.js';
import type { AnyQueue } from '../worker/types.js';

/** Options of {@link drain}. */
export interface DrainOptions {
  /**
   * Handlers at once. One runs tasks in the order in which they are claimed.
   * @defaultValue 1
   */
  concurrency?: number;
  /**
   * The worker's clock: that of the store, where it is a virtual one.
   * @defaultValue the system's
   */
  clock?: Clock;
  /**
   * Fails when tasks are left after this many milliseconds of real time.
   * @defaultValue 5000
   */
  withinMs?: number;
}

/** What {@link drain} did. */
export interface DrainReport {
  /** Tasks that completed. */
  completed: number;
  /** Attempts that failed and will be repeated. */
  failed: number;
  /** Tasks that failed for good. */
  dead: number;
}

const LOOK_MS = 2;

/**
 * For tests: runs everything that is ready in a queue, and what that makes ready, now, with real handlers. What waits
 * for a later time (delays, retries) stays: move the clock and drain again.
 *
 * @throws QueueError `QUEUE_TASK_TIMEOUT` when tasks are left in the end
 */
export async function drain(
  queue: AnyQueue,
  handlers: readonly AnyHandler[],
  options: DrainOptions = {},
): Promise<DrainReport> {
  knownOptions('options', options, ['concurrency', 'clock', 'withinMs']);
  const { concurrency = 1, clock, withinMs = 5_000 } = options;
  if (typeof withinMs !== 'number' || !(withinMs > 0))
    throw invalidOption('options.withinMs', 'a number above 0', withinMs);
  const { completed, failed, dead } = queue.internals.counters;
  const worker = createWorker(queue, handlers, {
    concurrency,
    ...(clock === undefined ? {} : { clock }),
  });
  await worker.start();
  const until = performance.now() + withinMs;
  let left = await runnable(queue);
  while (left > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    left = await runnable(queue);
  }
  const closing = worker.close({ deadline: left > 0 ? 0 : '1s' });
  if (left > 0) {
    const text = `${left} tasks of queue ${queue.name} are left after ${withinMs} ms`;
    throw new QueueError('QUEUE_TASK_TIMEOUT', text);
  }
  await closing;
  const { counters } = queue.internals;
  return {
    completed: counters.completed - completed,
    failed: counters.failed - failed,
    dead: counters.dead - dead,
  };
}

async function runnable(queue: AnyQueue): Promise<number> {
  const [stats] = await queue.store.stats([queue.name]);
  if (stats?.paused) return stats.counts.leased;
  return (stats?.counts.ready ?? 0) + (stats?.counts.leased ?? 0);
}
