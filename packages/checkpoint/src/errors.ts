/** Every `code` of a {@link CheckpointError}. */
export type CheckpointErrorCode =
  | 'CHECKPOINT_CLOSED'
  | 'CHECKPOINT_DAMAGED'
  | 'CHECKPOINT_HANDLER_CONFLICT'
  | 'CHECKPOINT_HANDLER_NOT_FOUND'
  | 'CHECKPOINT_NOT_FOUND'
  | 'CHECKPOINT_OPTION_INVALID'
  | 'CHECKPOINT_STATE_INVALID'
  | 'CHECKPOINT_UNDO_CONFLICT'
  | 'CHECKPOINT_VERSION_CONFLICT';

/** An error of this package. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  /** What went wrong, from a closed set. */
  readonly code: CheckpointErrorCode;
  /** Facts to act on, such as `{ subject, version, lastGood }`. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: CheckpointErrorCode,
    message: string,
    options?: { cause?: unknown; details?: Record<string, unknown> },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options?.details;
  }
}

/** Whether a value is a {@link CheckpointError}, of whichever copy of this package. */
export function isCheckpointError(value: unknown): value is CheckpointError {
  return value instanceof Error && value.name === 'CheckpointError' && 'code' in value;
}
