import { isQueueError, QueueError } from '../errors.js';
import { check, encoded } from '../payload.js';
import type { HistoryEntry, Settlement } from '../store.js';
import { fail } from '../telemetry.js';
import type { Attempt } from './attempt.js';
import { settlementOf } from './failure.js';

/** Ends an attempt and its span, unless it ended before. */
export function endAttempt(attempt: Attempt, settlement: Settlement | undefined): void {
  if (attempt.ended) return;
  attempt.end();
  attempt.outcome = settlement?.outcome;
  const span = attempt.traced?.span;
  if (span !== undefined) {
    const type = failureType(attempt, settlement);
    if (settlement !== undefined && 'entry' in settlement && span.isRecording()) {
      fail(span, thrown(settlement.entry), type);
      if (settlement.outcome === 'dead') span.setAttribute('holdfast.consequence', 'task.dead');
    } else if (type !== undefined) span.setAttribute('error.type', type);
    span.end();
  }
  attempt.done(attempt, settlement);
}

/** What spans and metrics say of an attempt that did not complete its task; undefined where it did. */
export function failureType(
  { stopped }: Attempt,
  settlement: Settlement | undefined,
): string | undefined {
  if (settlement === undefined) return stopped ?? 'abandoned';
  if (settlement.outcome === 'completed') return undefined;
  if (settlement.outcome === 'released') return stopped ?? settlement.outcome;
  const { name, code, kind } = settlement.entry;
  return name === 'QueueError' && code !== undefined ? code : (name ?? kind);
}

function thrown(entry: HistoryEntry): Error {
  const error = new Error(entry.message ?? entry.kind);
  error.name = entry.name ?? 'Error';
  if (entry.stack !== undefined) error.stack = entry.stack;
  return error;
}

/** The checked payload of a task, or a promise of it where the schema is asynchronous. */
export function payloadOf({ task, runner }: Attempt): unknown {
  const schema = runner.handler.task.payload;
  return check(schema, parsed(task.payload), 'payload', 'QUEUE_PAYLOAD_INVALID');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new QueueError('QUEUE_PAYLOAD_INVALID', 'The stored payload is not JSON', { cause });
  }
}

/** How an attempt ends that was told to stop, whatever its handler made of that. */
export function overtaken(attempt: Attempt): Settlement | undefined {
  if (attempt.stopped === 'timeout') return failed(attempt, attempt.stopError());
  // The store knows of the cancellation and makes it the end of the task, whatever the settlement says.
  return attempt.stopped === 'cancelled' ? handedBack(attempt) : undefined;
}

/** Ends an attempt whose handler outlived the grace after its signal aborted. */
export function giveUp(attempt: Attempt): void {
  endAttempt(attempt, overtaken(attempt));
}

function handedBack({ task: { id, epoch } }: Attempt): Settlement {
  return { id, epoch, outcome: 'released', when: { delayMs: 0 } };
}

/** How an attempt ends whose handler came to an end with a value; a promise where the schema is asynchronous. */
export function success(
  attempt: Attempt,
  value: unknown,
): Settlement | undefined | Promise<Settlement | undefined> {
  if (attempt.stopped === 'lost' || attempt.stopped === 'timeout') return overtaken(attempt);
  try {
    const schema = attempt.runner.handler.task.result;
    const result = check(schema, value, 'result', 'QUEUE_RESULT_INVALID');
    if (!(result instanceof Promise)) return completed(attempt, result);
    return result
      .then((checked) => completed(attempt, checked))
      .catch((error: unknown) => failure(attempt, error));
  } catch (error) {
    return failure(attempt, error);
  }
}

function completed({ task, runner }: Attempt, value: unknown): Settlement {
  const result = encoded(value, 'result', 'QUEUE_RESULT_INVALID', runner.maxResultBytes);
  return { id: task.id, epoch: task.epoch, outcome: 'completed', result };
}

/** How an attempt ends that threw. */
export function failure(attempt: Attempt, error: unknown): Settlement | undefined {
  if (attempt.stopped === 'lost' || attempt.stopped === 'timeout') return overtaken(attempt);
  if (attempt.stopped === 'closed' || attempt.stopped === 'cancelled') return handedBack(attempt);
  return failed(attempt, readable(error));
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

function failed(attempt: Attempt, error: unknown): Settlement {
  const { worker, policy, logger, clock } = attempt.runner;
  const at = clock.now();
  const unfit = isQueueError(error) && error.code.endsWith('_INVALID');
  const kind = attempt.stopped === 'timeout' ? 'timeout' : unfit ? 'invalid' : 'error';
  const durationMs = Math.max(0, at - attempt.startedAt);
  return settlementOf(attempt.task, { kind, error, worker, at, durationMs }, policy, logger);
}
