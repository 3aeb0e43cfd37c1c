import { integerOption, invalidOption, knownOptions } from '../options.js';
import {
  type AnyTaskDefinition,
  requireTask,
  type TaskContext,
  type TaskDefinition,
  type TaskHandler,
} from '../task.js';

/** One task of a batch. */
export interface BatchItem<Payload> {
  readonly payload: Payload;
  /** Its own signal aborts when this one task is to be stopped. */
  readonly context: TaskContext;
}

/** What becomes of one task of a batch: what `Promise.allSettled` gives fits. */
export type BatchResult<Result> =
  | { readonly status: 'fulfilled'; readonly value: Result }
  | { readonly status: 'rejected'; readonly reason: unknown };

/** Options of {@link handleBatch}. */
export interface BatchOptions {
  /**
   * Most tasks of one call. From 1 to 1000.
   * @defaultValue 100
   */
  size?: number;
}

/** A definition with what runs many of its tasks in one call, made by {@link handleBatch}. */
export interface BatchHandler {
  readonly task: AnyTaskDefinition;
  readonly batchSize: number;
  /** Runs the handler on checked payloads. */
  readonly runBatch: (items: readonly BatchItem<unknown>[]) => unknown;
}

/** A definition with the module that runs it in a thread, made by {@link handleInThread}. */
export interface ThreadHandler extends TaskHandler {
  /** Ends the threads that have no job. A worker that closes does it; the handler can still be used. */
  release(): Promise<void>;
}

/** Whatever {@link createWorker} takes. */
export type AnyHandler = TaskHandler | BatchHandler | ThreadHandler;

/**
 * Says what runs the tasks of a kind many at a time. A call takes one of the worker's slots. It gets what is there, at
 * most `size`, without waiting for more. A worker claims `size` tasks for every free slot; one that has other handlers,
 * too, goes by the tasks that came lately, so batches are largest in workers of their own.
 *
 * Return one result for each item, in their order, as `Promise.allSettled` does: each task is settled, retried or
 * buried by its own. Return nothing to complete them all. What the handler throws befalls every task of the call.
 *
 * @example
 * ```ts
 * const store = handleBatch(measured, async (items) => {
 *   await insert(items.map((item) => item.payload));
 * }, { size: 500 });
 * ```
 */
export function handleBatch<PayloadIn, Payload, ResultIn, Result>(
  task: TaskDefinition<PayloadIn, Payload, ResultIn, Result>,
  handler: (
    items: readonly BatchItem<Payload>[],
    // biome-ignore lint/suspicious/noConfusingVoidType: a handler without results is an ordinary async function
  ) => readonly BatchResult<ResultIn>[] | void | Promise<readonly BatchResult<ResultIn>[] | void>,
  options?: BatchOptions,
): BatchHandler {
  requireTask('task', task);
  if (typeof handler !== 'function') throw invalidOption('handler', 'a function', handler);
  knownOptions('options', options, ['size']);
  return {
    task,
    batchSize: integerOption('options.size', options?.size, 100, [1, 1_000]),
    // The worker checks every payload with the definition's schema before it calls, which makes it a Payload.
    runBatch: (items) => handler(items as readonly BatchItem<Payload>[]),
  };
}

/** Whether a handler takes many tasks at once. */
export function isBatchHandler(handler: AnyHandler): handler is BatchHandler {
  return 'runBatch' in handler;
}
