import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import type { ResourceLimits } from 'node:worker_threads';
import type { Duration } from '../../duration.js';
import {
  durationOption,
  integerOption,
  invalidOption,
  knownOptions,
  numberOption,
} from '../../options.js';
import { requireTask, type TaskContext, type TaskDefinition } from '../../task.js';
import type { ThreadHandler } from '../handlers.js';
import type { ThreadTask } from './messages.js';
import { ThreadPool } from './thread-pool.js';

/** Options of {@link handleInThread}. */
export interface ThreadOptions {
  /**
   * Most threads. Further jobs wait for one, and their time limit runs meanwhile: a worker whose `concurrency` is no
   * more than this has none waiting. From 1 to 256.
   * @defaultValue the processors there are, less one for the worker itself, at least one
   */
  threads?: number;
  /**
   * How long a job may go on after its signal aborted. Then its thread is ended, in the middle of whatever it does.
   * Choose less than the worker's `abortGrace`.
   * @defaultValue `'1s'`
   */
  terminateAfter?: Duration;
  /**
   * Memory of one thread, as `node:worker_threads` has it: a job that needs more ends its thread, not the process.
   * @defaultValue the process's own limits
   */
  resourceLimits?: ResourceLimits;
}

/** What a job in a thread is told: {@link TaskContext} as far as it can cross threads. */
export interface ThreadContext extends ThreadTask {
  /** As {@link TaskContext.signal}. A job that blocks its thread cannot see it, and is ended a little later. */
  readonly signal: AbortSignal;
}

/**
 * Says which module runs a task, in a thread of its own: for handlers that compute, so that neither the worker's
 * heartbeat nor other handlers wait for them. The module's default export is called with the checked payload and a
 * {@link ThreadContext}; payload and result are copied between threads (structured clone).
 *
 * A thread that ends in the middle of a job (`process.exit`, an uncaught error, no memory left) is a failed attempt
 * (`QUEUE_THREAD_ENDED`). The time limit is a hard one: what does not end by its signal is ended with its thread.
 *
 * @example
 * ```ts
 * createWorker(queue, [handleInThread(resize, new URL('./resize.js', import.meta.url))], { timeout: '30s' });
 * ```
 * @throws QueueError `QUEUE_OPTION_INVALID`
 */
export function handleInThread<PayloadIn, Payload, ResultIn, Result>(
  task: TaskDefinition<PayloadIn, Payload, ResultIn, Result>,
  module: URL | string,
  options: ThreadOptions = {},
): ThreadHandler {
  requireTask('task', task);
  knownOptions('options', options, ['threads', 'terminateAfter', 'resourceLimits']);
  const { threads, terminateAfter, resourceLimits } = options;
  if (resourceLimits !== undefined) checkLimits(resourceLimits);
  const fallback = Math.max(1, availableParallelism() - 1);
  const pool = new ThreadPool({
    module: moduleUrl(module),
    size: integerOption('options.threads', threads, fallback, [1, 256]),
    limits: resourceLimits ?? {},
    terminateAfterMs: durationOption('options.terminateAfter', terminateAfter, 1_000),
  });
  return {
    task,
    run: (payload, context) => pool.run(payload, crossing(context), context.signal),
    release: () => pool.release(),
  };
}

const LIMITS = [
  'maxYoungGenerationSizeMb',
  'maxOldGenerationSizeMb',
  'codeRangeSizeMb',
  'stackSizeMb',
] as const;
const MAX_MB = 2 ** 20;

function checkLimits(limits: ResourceLimits): void {
  const path = 'options.resourceLimits';
  knownOptions(path, limits, LIMITS);
  for (const name of LIMITS) numberOption(`${path}.${name}`, limits[name], 1, [1, MAX_MB]);
}

function moduleUrl(module: URL | string): string {
  if (module instanceof URL && module.protocol === 'file:') return module.href;
  if (typeof module === 'string' && module.startsWith('file:')) return module;
  if (typeof module === 'string' && (module.startsWith('/') || /^[A-Za-z]:[\\/]/.test(module)))
    return pathToFileURL(module).href;
  throw invalidOption('module', 'a file: URL or an absolute path', module);
}

function crossing(context: TaskContext): ThreadTask {
  const { id, queue, name, attempt, maxAttempts, epoch, headers, enqueuedAt } = context;
  return { id, queue, name, attempt, maxAttempts, epoch, headers, enqueuedAt };
}
