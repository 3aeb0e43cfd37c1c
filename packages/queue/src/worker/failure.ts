import { isQueueError } from '../errors.js';
import type { Logger } from '../logger.js';
import { dateMs, durationWithin } from '../options.js';
import {
  backoffMs,
  isRetryAt,
  isUnrecoverableError,
  type ResolvedRetryPolicy,
  type RetryDecision,
} from '../retry.js';
import type { ClaimedTask, HistoryEntry, Settlement, When } from '../store.js';

const MAX_MESSAGE_CHARS = 2_000;
const MAX_STACK_CHARS = 4_000;

/** What is known of something thrown, whatever it is. */
export function describeError(
  error: unknown,
): Pick<HistoryEntry, 'name' | 'message' | 'stack' | 'code'> {
  try {
    if (!(error instanceof Error)) {
      return { name: typeof error, message: String(error).slice(0, MAX_MESSAGE_CHARS) };
    }
    const code: unknown = Reflect.get(error, 'code');
    return {
      name: String(error.name),
      message: withCause(error).slice(0, MAX_MESSAGE_CHARS),
      ...(typeof error.stack === 'string' ? { stack: error.stack.slice(0, MAX_STACK_CHARS) } : {}),
      ...(typeof code === 'string' ? { code } : {}),
    };
  } catch {
    return { name: typeof error, message: 'an error that cannot be read' };
  }
}

function withCause(error: Error): string {
  return error.cause instanceof Error
    ? `${error.message} (cause: ${error.cause.message})`
    : String(error.message);
}

/** How an attempt failed. */
export interface Failure {
  readonly kind: 'error' | 'timeout' | 'invalid';
  readonly error: unknown;
  readonly worker: string;
  readonly at: number;
  readonly durationMs: number;
}

/** The settlement of a failed attempt. */
export function settlementOf(
  task: ClaimedTask,
  failure: Failure,
  policy: ResolvedRetryPolicy,
  logger: Logger,
): Settlement & { readonly entry: HistoryEntry } {
  const { id, epoch, attempt } = task;
  const { kind, error, worker, at, durationMs } = failure;
  const entry: HistoryEntry = {
    kind,
    at,
    attempt,
    epoch,
    worker,
    durationMs,
    ...describeError(error),
  };
  const decision = decide(task, error, policy, logger);
  if (decision === 'dead' || attempt >= task.maxAttempts)
    return { id, epoch, outcome: 'dead', entry };
  const when = whenOf(decision) ?? { delayMs: backoffMs(policy, attempt) };
  return { id, epoch, outcome: 'retry', when, entry };
}

function decide(
  task: ClaimedTask,
  error: unknown,
  policy: ResolvedRetryPolicy,
  logger: Logger,
): RetryDecision {
  if (isUnrecoverableError(error)) return 'dead';
  if (isRetryAt(error))
    return error.when instanceof Date ? { at: error.when } : { after: error.when };
  // The same payload will not fit the next time either.
  if (isQueueError(error) && error.code === 'QUEUE_PAYLOAD_INVALID') return 'dead';
  try {
    return policy.decide?.(error, { attempt: task.attempt, maxAttempts: task.maxAttempts });
  } catch (err) {
    logger.error(
      { module: 'queue', queue: task.queue, task_id: task.id, err },
      'retry.decide threw',
    );
    return undefined;
  }
}

/** When a decision wants the next attempt; undefined when it leaves that to the backoff or makes no sense. */
function whenOf(decision: RetryDecision): When | undefined {
  if (decision === 'retry') return { delayMs: 0 };
  if (typeof decision !== 'object' || decision === null) return undefined;
  try {
    const at = 'at' in decision;
    const value = at ? dateMs(decision.at) : durationWithin(decision.after);
    if (Number.isNaN(value)) return undefined;
    return at ? { atMs: value } : { delayMs: value };
  } catch {
    return undefined; // an object that cannot be read decides nothing
  }
}
