/** Every `code` of a {@link QueueError}. */
export type QueueErrorCode =
  | 'QUEUE_CLOSED'
  | 'QUEUE_INPUT_INVALID'
  | 'QUEUE_LEASE_LOST'
  | 'QUEUE_OPTION_INVALID'
  | 'QUEUE_PAYLOAD_INVALID'
  | 'QUEUE_PRIORITY_INVALID'
  | 'QUEUE_RESULT_INVALID'
  | 'QUEUE_SCHEDULE_NOT_FOUND'
  | 'QUEUE_STORE_UNAVAILABLE'
  | 'QUEUE_TASK_CANCELLED'
  | 'QUEUE_TASK_CONFLICT'
  | 'QUEUE_TASK_NOT_FOUND'
  | 'QUEUE_TASK_TIMEOUT'
  | 'QUEUE_THREAD_ENDED'
  | 'QUEUE_UNSUPPORTED';

/** One thing wrong with an input. */
export interface QueueIssue {
  /** Where, such as `payload.to` or `items[3].priority`. */
  readonly path: string;
  /** What was expected there. */
  readonly rule: string;
  /** What was found, shortened. */
  readonly received: string;
}

/** An error of this package. `cause` is the error below it, where there is one. */
export class QueueError extends Error {
  override readonly name = 'QueueError';
  readonly code: QueueErrorCode;
  /** What the message says, as data; `issues` holds {@link QueueIssue}s where an input was refused. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: QueueErrorCode,
    message: string,
    options?: { cause?: unknown; details?: Record<string, unknown> },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options?.details;
  }
}

/** Whether a value is a {@link QueueError}, of whichever copy of this package. */
export function isQueueError(value: unknown): value is QueueError {
  return value instanceof Error && value.name === 'QueueError' && 'code' in value;
}

/** What spans and metrics call an error. */
export function errorType(error: unknown): string {
  if (isQueueError(error)) return error.code;
  return error instanceof Error ? error.name : typeof error;
}
