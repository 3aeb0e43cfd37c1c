/** Every `code` of an {@link SqlError}. */
export type SqlErrorCode =
  | 'SQL_CLOSED'
  | 'SQL_CONFLICT'
  | 'SQL_DIRECTORY_LOCKED'
  | 'SQL_MIGRATION_CONFLICT'
  | 'SQL_OPTION_INVALID'
  | 'SQL_PEER_MISSING'
  | 'SQL_STATEMENT_INVALID'
  | 'SQL_TIMEOUT'
  | 'SQL_UNAVAILABLE';

/** An error of this package. `cause` is the engine's own error, where there is one. */
export class SqlError extends Error {
  override readonly name = 'SqlError';
  readonly code: SqlErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: SqlErrorCode,
    message: string,
    options?: { cause?: unknown; details?: Record<string, unknown> },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options?.details;
  }
}

/** Whether a value is an {@link SqlError}, of whichever copy of this package. */
export function isSqlError(value: unknown): value is SqlError {
  return value instanceof Error && value.name === 'SqlError' && 'code' in value;
}
