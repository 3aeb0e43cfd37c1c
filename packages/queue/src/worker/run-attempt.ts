import { context } from '@opentelemetry/api';
import { isQueueError, QueueError } from '../errors.js';
import type { Logger } from '../logger.js';
import { checked, encoded } from '../payload.js';
import type { ResolvedRetryPolicy } from '../retry.js';
import type { HistoryEntry, Settlement } from '../store.js';
import type { TaskContext, TaskHandler } from '../task.js';
import { attemptSpan, fail } from '../telemetry.js';
import type { Attempt } from './attempt.js';
import { settlementOf } from './failure.js';

/** How a task of one queue is run. */
export interface Runner {
  readonly handler: TaskHandler;
  readonly policy: ResolvedRetryPolicy;
  readonly timeoutMs: number | undefined;
  readonly maxResultBytes: number;
  readonly worker: string;
  readonly logger: Logger;
  readonly now: () => number;
}

/**
 * Runs a handler once.
 *
 * @returns how its lease is to be settled; undefined when that is not ours any more (lease lost), or not safe to say
 * (the worker closes and the handler still runs: the lease will run out)
 */
export async function runAttempt(
  attempt: Attempt,
  runner: Runner,
): Promise<Settlement | undefined> {
  const traced = attemptSpan(attempt.task);
  if (runner.timeoutMs !== undefined) attempt.limit(runner.timeoutMs);
  const settlement = await context.with(traced.context, () => outcomeOf(attempt, runner));
  attempt.end();
  if (settlement === undefined)
    traced.span.setAttribute('error.type', attempt.stopped ?? 'abandoned');
  if (settlement !== undefined && 'entry' in settlement) {
    fail(traced.span, thrown(settlement.entry));
    if (settlement.outcome === 'dead')
      traced.span.setAttribute('holdfast.consequence', 'task.dead');
  }
  traced.span.end();
  return settlement;
}

function thrown(entry: HistoryEntry): Error {
  const error = new Error(entry.message ?? entry.kind);
  error.name = entry.name ?? 'Error';
  if (entry.stack !== undefined) error.stack = entry.stack;
  return error;
}

async function outcomeOf(attempt: Attempt, runner: Runner): Promise<Settlement | undefined> {
  const { id, epoch } = attempt.task;
  try {
    const ended = await Promise.race([handled(attempt, runner), attempt.givenUp]);
    if (attempt.stopped === 'lost') return undefined;
    if (attempt.stopped === 'timeout') return failed(attempt, runner, attempt.signal.reason);
    if (ended === 'given up') return undefined;
    return { id, epoch, outcome: 'completed', result: ended.result };
  } catch (error) {
    if (attempt.stopped === 'lost') return undefined;
    if (attempt.stopped === 'closed')
      return { id, epoch, outcome: 'released', when: { delayMs: 0 } };
    return failed(
      attempt,
      runner,
      attempt.stopped === 'timeout' ? attempt.signal.reason : readable(error),
    );
  }
}

/** The error itself, or one in its place when looking at it throws. */
function readable(error: unknown): unknown {
  try {
    if (error instanceof Error)
      void [error.name, error.message, error.stack, error.cause, Reflect.get(error, 'code')];
    return error;
  } catch {
    return new Error('an error that cannot be read');
  }
}

/** Checks the payload, runs the handler, checks the result. */
async function handled(attempt: Attempt, runner: Runner): Promise<{ result: string }> {
  const { task } = runner.handler;
  const payload = await checked(
    task.payload,
    parsed(attempt.task.payload),
    'payload',
    'QUEUE_PAYLOAD_INVALID',
  );
  const value: unknown = await runner.handler.run(payload, contextOf(attempt, runner.logger));
  const result = await checked(task.result, value, 'result', 'QUEUE_RESULT_INVALID');
  return { result: encoded(result, 'result', 'QUEUE_RESULT_INVALID', runner.maxResultBytes) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new QueueError('QUEUE_PAYLOAD_INVALID', 'The stored payload is not JSON', { cause });
  }
}

function contextOf({ task, signal }: Attempt, logger: Logger): TaskContext {
  const { id, queue, name, attempt, maxAttempts, epoch, headers } = task;
  const enqueuedAt = new Date(task.enqueuedAt);
  return { id, queue, name, attempt, maxAttempts, epoch, headers, enqueuedAt, signal, logger };
}

function failed(attempt: Attempt, runner: Runner, error: unknown): Settlement {
  const at = runner.now();
  const { worker, policy, logger } = runner;
  const unfit = isQueueError(error) && error.code.endsWith('_INVALID');
  const kind = attempt.stopped === 'timeout' ? 'timeout' : unfit ? 'invalid' : 'error';
  const failure = {
    kind,
    error,
    worker,
    at,
    durationMs: Math.max(0, at - attempt.startedAt),
  } as const;
  return settlementOf(attempt.task, failure, policy, logger);
}
