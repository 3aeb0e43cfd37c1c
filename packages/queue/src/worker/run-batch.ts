import { context, type Span } from '@opentelemetry/api';
import { QueueError } from '../errors.js';
import { fail } from '../telemetry.js';
import type { Attempt } from './attempt.js';
import type { BatchHandler, BatchItem } from './handlers.js';
import { endAttempt, failure, payloadOf } from './outcome.js';
import { isThenable, resolved } from './run-attempt.js';
import { AttemptContext } from './task-context.js';
import { traceBatch } from './tracing.js';

/**
 * Runs a handler once for many attempts, each of which ends by its own. One that does not fit the schema fails before
 * the handler is called, and the others run without it.
 */
export async function runBatch(attempts: readonly Attempt[], handler: BatchHandler): Promise<void> {
  const traced = traceBatch(attempts.map((attempt) => attempt.task));
  const { fit, items } = await fitting(attempts);
  try {
    if (items.length === 0) return;
    const value = await context.with(traced.context, () => handler.runBatch(items));
    deal(fit, value);
  } catch (error) {
    if (traced.span !== undefined) fail(traced.span, error);
    for (const attempt of fit) endAttempt(attempt, failure(attempt, error));
  } finally {
    if (traced.span !== undefined) endBatch(traced.span, attempts);
  }
}

/** One span for all: it says how many of its tasks are dead letters now. */
function endBatch(span: Span, attempts: readonly Attempt[]): void {
  const dead = attempts.filter(({ outcome }) => outcome === 'dead').length;
  if (dead > 0) {
    span.setAttribute('holdfast.consequence', 'task.dead');
    span.setAttribute('holdfast.consequence.value', dead);
  }
  span.end();
}

/** Those whose payload fits, with it; the others have failed. */
async function fitting(
  attempts: readonly Attempt[],
): Promise<{ fit: Attempt[]; items: BatchItem<unknown>[] }> {
  const fit: Attempt[] = [];
  const items: BatchItem<unknown>[] = [];
  for (const attempt of attempts) {
    try {
      const checked = payloadOf(attempt);
      const payload: unknown = isThenable(checked) ? await checked : checked;
      fit.push(attempt);
      items.push({ payload, context: new AttemptContext(attempt) });
    } catch (error) {
      endAttempt(attempt, failure(attempt, error));
    }
  }
  return { fit, items };
}

/** Gives each attempt its result. */
function deal(attempts: readonly Attempt[], value: unknown): void {
  if (value === undefined) {
    for (const attempt of attempts) resolved(attempt, undefined);
    return;
  }
  if (!Array.isArray(value) || value.length !== attempts.length) {
    const found = Array.isArray(value) ? `${value.length} results` : typeof value;
    const message = `A batch handler returned ${found} for ${attempts.length} tasks`;
    throw new QueueError('QUEUE_RESULT_INVALID', message);
  }
  for (const [index, attempt] of attempts.entries()) dealOne(attempt, value[index]);
}

function dealOne(attempt: Attempt, result: unknown): void {
  try {
    const { status, value, reason } = result as Record<'status' | 'value' | 'reason', unknown>;
    if (status === 'fulfilled') resolved(attempt, value);
    else if (status === 'rejected') endAttempt(attempt, failure(attempt, reason));
    else throw new QueueError('QUEUE_RESULT_INVALID', 'The result of a task has no known status');
  } catch (error) {
    endAttempt(attempt, failure(attempt, error));
  }
}
