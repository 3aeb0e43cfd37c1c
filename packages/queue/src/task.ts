import type { Duration } from './duration.js';
import type { Logger } from './logger.js';
import { durationOption, invalidOption, knownOptions, textOption } from './options.js';
import { type ResolvedRetryPolicy, type RetryPolicy, resolveRetry } from './retry.js';
import type { StandardSchema } from './standard-schema.js';
import type { TaskState } from './store.js';

/** What a task is made of. */
export interface TaskOptions<PayloadIn, Payload, ResultIn, Result> {
  /**
   * Schema of the payload: zod, or any Standard Schema. Checked when the task is enqueued and again when it runs;
   * transformations happen when it runs. It must fit the payload's JSON form.
   * @defaultValue any JSON value
   */
  payload?: StandardSchema<PayloadIn, Payload>;
  /**
   * Schema of what the handler returns; it is stored as JSON.
   * @defaultValue any JSON value
   */
  result?: StandardSchema<ResultIn, Result>;
  /**
   * Differences from the queue's policy.
   * @defaultValue the queue's
   */
  retry?: RetryPolicy;
  /**
   * Longest time of one attempt; then its signal aborts and the attempt counts as failed.
   * @defaultValue the worker's `timeout`
   */
  timeout?: Duration;
}

/** A kind of task, made by {@link defineTask}: enqueue it on one side, handle it on the other. */
export interface TaskDefinition<
  PayloadIn = unknown,
  Payload = unknown,
  ResultIn = unknown,
  Result = unknown,
> {
  readonly name: string;
  readonly payload: StandardSchema<PayloadIn, Payload> | undefined;
  readonly result: StandardSchema<ResultIn, Result> | undefined;
  /** The policy over the given one of the queue. */
  readonly retryOver: (base: ResolvedRetryPolicy) => ResolvedRetryPolicy;
  readonly timeoutMs: number | undefined;
}

/** What every definition has, whatever its types: for lists of definitions. */
export interface AnyTaskDefinition {
  readonly name: string;
  readonly payload: StandardSchema<unknown, unknown> | undefined;
  readonly result: StandardSchema<unknown, unknown> | undefined;
  readonly retryOver: (base: ResolvedRetryPolicy) => ResolvedRetryPolicy;
  readonly timeoutMs: number | undefined;
}

/**
 * Defines a kind of task.
 *
 * @example
 * ```ts
 * const sendEmail = defineTask('send-email', { payload: z.object({ to: z.email() }) });
 * ```
 * @throws QueueError `QUEUE_OPTION_INVALID`
 */
export function defineTask<
  PayloadIn = unknown,
  Payload = PayloadIn,
  ResultIn = unknown,
  Result = ResultIn,
>(
  name: string,
  options: TaskOptions<PayloadIn, Payload, ResultIn, Result> = {},
): TaskDefinition<PayloadIn, Payload, ResultIn, Result> {
  knownOptions('options', options, ['payload', 'result', 'retry', 'timeout']);
  for (const field of ['payload', 'result'] as const) {
    const schema = options[field];
    if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
      throw invalidOption(`options.${field}`, 'a Standard Schema, such as one of zod', schema);
    }
  }
  resolveRetry('options.retry', options.retry);
  const { retry, timeout } = options;
  return Object.freeze({
    name: textOption('name', name),
    payload: options.payload,
    result: options.result,
    retryOver: (base: ResolvedRetryPolicy) => resolveRetry('options.retry', retry, base),
    timeoutMs: timeout === undefined ? undefined : durationOption('options.timeout', timeout, 0, 1),
  });
}

/** @throws QueueError `QUEUE_OPTION_INVALID` unless the value was made by {@link defineTask} */
export function requireTask(path: string, task: AnyTaskDefinition): void {
  if (typeof task?.retryOver !== 'function') {
    throw invalidOption(path, 'a task made by defineTask', task);
  }
}

/** What a handler knows about its task. */
export interface TaskContext {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  /** From 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /**
   * Grows with every claim of the task. Hand (id, epoch) to systems that can refuse an older one, and not even a
   * handler that lost its lease without noticing can do harm there.
   */
  readonly epoch: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly enqueuedAt: Date;
  /**
   * Aborts when the lease is lost (`QUEUE_LEASE_LOST`), the task is cancelled from anywhere (`QUEUE_TASK_CANCELLED`),
   * the time limit is over (`QUEUE_TASK_TIMEOUT`), or the worker closes and its deadline has come (`QUEUE_CLOSED`):
   * `signal.reason` is that {@link QueueError}.
   */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /**
   * Keeps a JSON value as the task's progress, in place of the last one. Goes to the store within about 250 ms.
   * @throws QueueError `QUEUE_UNSUPPORTED` where the store has no feature `progress`, `QUEUE_INPUT_INVALID`
   */
  readonly progress: (value: unknown) => void;
  /**
   * Completes the task in a transaction of the store's database: it counts as completed exactly if the transaction
   * commits, together with whatever else that changes. Return from the handler afterwards.
   * @throws QueueError `QUEUE_LEASE_LOST`: let it roll the transaction back; `QUEUE_UNSUPPORTED` where the store has no
   * feature `completeIn`, `QUEUE_RESULT_INVALID`
   */
  readonly completeIn: (tx: unknown, result?: unknown) => Promise<void>;
  /** The tasks that this one waited for, with their results as far as they are kept. */
  readonly children: () => Promise<readonly ChildTask[]>;
}

/** A task that another one waited for. */
export interface ChildTask {
  readonly id: string;
  readonly name: string;
  readonly state: TaskState;
  /** What its handler returned; null where it did not complete. */
  readonly result: unknown;
}

/** A definition with what runs it, made by {@link handle}. */
export interface TaskHandler {
  readonly task: AnyTaskDefinition;
  /** Runs the handler on a checked payload. */
  readonly run: (payload: unknown, context: TaskContext) => unknown;
}

/**
 * Says what runs a task.
 *
 * @example
 * ```ts
 * createWorker(queue, [handle(sendEmail, async ({ to }, { signal }) => post(to, signal))]);
 * ```
 */
export function handle<PayloadIn, Payload, ResultIn, Result>(
  task: TaskDefinition<PayloadIn, Payload, ResultIn, Result>,
  handler: (payload: Payload, context: TaskContext) => ResultIn | Promise<ResultIn>,
): TaskHandler {
  requireTask('task', task);
  if (typeof handler !== 'function') throw invalidOption('handler', 'a function', handler);
  // The worker checks the payload with the definition's schema before it calls, which makes it a Payload.
  return { task, run: (payload, context) => handler(payload as Payload, context) };
}
