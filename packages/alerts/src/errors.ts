/** Every `code` of an {@link AlertError}. */
export type AlertErrorCode =
  | 'ALERT_ACKNOWLEDGE_CONFLICT'
  | 'ALERT_CLOSED'
  | 'ALERT_NOT_FOUND'
  | 'ALERT_OPTION_INVALID'
  | 'ALERT_RULE_INVALID'
  | 'ALERT_SOURCE_TIMEOUT'
  | 'ALERT_NOTIFY_TIMEOUT';

/** An error of this package. */
export class AlertError extends Error {
  override readonly name = 'AlertError';
  /** What went wrong, from a closed set. */
  readonly code: AlertErrorCode;
  /** Facts to act on, such as `{ errors: [{ path, rule, received }] }`. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: AlertErrorCode,
    message: string,
    options?: { cause?: unknown; details?: Record<string, unknown> },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options?.details;
  }
}

/** Whether a value is an {@link AlertError}, of whichever copy of this package. */
export function isAlertError(value: unknown): value is AlertError {
  return value instanceof Error && value.name === 'AlertError' && 'code' in value;
}
