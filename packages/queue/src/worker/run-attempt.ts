import { context } from '@opentelemetry/api';
import type { TaskHandler } from '../task.js';

import type { Attempt } from './attempt.js';
import { endAttempt, failure, payloadOf, success } from './outcome.js';
import { AttemptContext } from './task-context.js';
import { traceAttempt } from './tracing.js';

/**
 * Runs a handler once. A handler that returns no promise ends within the call, and promises are made only where the
 * handler makes one: at hundreds of thousands of tasks a second they are what the time goes to.
 */
export function runAttempt(attempt: Attempt, handler: TaskHandler): void {
  const traced = traceAttempt(attempt.task);
  attempt.traced = traced;
  try {
    const value: unknown = context.with(traced.context, handled, undefined, attempt, handler);
    if (isThenable(value)) {
      value.then(
        (result) => resolved(attempt, result),
        (error: unknown) => endAttempt(attempt, failure(attempt, error)),
      );
    } else {
      resolved(attempt, value);
    }
  } catch (error) {
    endAttempt(attempt, failure(attempt, error));
  }
}

/** Checks the payload and runs the handler. */
function handled(attempt: Attempt, handler: TaskHandler): unknown {
  const payload = payloadOf(attempt);
  const given = new AttemptContext(attempt);
  return payload instanceof Promise
    ? payload.then((checked) => handler.run(checked, given))
    : handler.run(payload, given);
}

/** The handler came to an end of its own. */
export function resolved(attempt: Attempt, value: unknown): void {
  if (attempt.ended) return;
  const settlement = success(attempt, value);
  if (settlement instanceof Promise) {
    void settlement.then((settled) => endAttempt(attempt, settled));
  } else {
    endAttempt(attempt, settlement);
  }
}

/** Whether a value is to be waited for. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  );
}
