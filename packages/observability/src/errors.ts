/** Every `code` of an {@link ObservabilityError}. */
export type ObservabilityErrorCode =
  | 'OBSERVABILITY_OPTION_INVALID'
  | 'OBSERVABILITY_TELEMETRY_CONFLICT';

/** An error of this package. It is thrown while things are set up only: nothing here throws into a running application. */
export class ObservabilityError extends Error {
  /** Always `ObservabilityError`. */
  override readonly name = 'ObservabilityError';
  /** What went wrong, for programs. */
  readonly code: ObservabilityErrorCode;
  /** What the message speaks of, as data. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ObservabilityErrorCode,
    message: string,
    options?: { cause?: unknown; details?: Record<string, unknown> },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options?.details;
  }
}

/** Whether a value is an {@link ObservabilityError}, of whichever copy of this package. */
export function isObservabilityError(value: unknown): value is ObservabilityError {
  return value instanceof Error && value.name === 'ObservabilityError' && 'code' in value;
}
