import { context } from '@opentelemetry/api';
import type { TaskHandler } from '../task.js';
import { attemptSpan } from '../telemetry.js';
import type { Attempt } from './attempt.js';
import { type AttemptEnd, endAttempt, failure, overtaken, payloadOf, success } from './outcome.js';
import { AttemptContext } from './task-context.js';

/**
 * Runs a handler once. A handler that returns no promise ends within the call, and promises are made only where the
 * handler makes one: at hundreds of thousands of tasks a second they are what the time goes to.
 */
export function runAttempt(attempt: Attempt, handler: TaskHandler, done: AttemptEnd): void {
  const traced = attemptSpan(attempt.task);
  attempt.traced = traced;
  attempt.onGiveUp = () => endAttempt(attempt, overtaken(attempt), done);
  try {
    const value: unknown = context.with(traced.context, handled, undefined, attempt, handler);
    if (isThenable(value)) {
      value.then(
        (result) => resolved(attempt, result, done),
        (error: unknown) => endAttempt(attempt, failure(attempt, error), done),
      );
    } else {
      resolved(attempt, value, done);
    }
  } catch (error) {
    endAttempt(attempt, failure(attempt, error), done);
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
export function resolved(attempt: Attempt, value: unknown, done: AttemptEnd): void {
  if (attempt.ended) return;
  const settlement = success(attempt, value);
  if (settlement instanceof Promise) {
    void settlement.then((settled) => endAttempt(attempt, settled, done));
  } else {
    endAttempt(attempt, settlement, done);
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
