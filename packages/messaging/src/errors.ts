/** Every `code` of a {@link MessagingError}. */
export type MessagingErrorCode =
  | 'MESSAGING_CLOSED'
  | 'MESSAGING_CURSOR_INVALID'
  | 'MESSAGING_DELIVERY_CONFLICT'
  | 'MESSAGING_DELIVERY_NOT_FOUND'
  | 'MESSAGING_IDEMPOTENCY_KEY_INVALID'
  | 'MESSAGING_INPUT_INVALID'
  | 'MESSAGING_MESSAGE_NOT_FOUND'
  | 'MESSAGING_OPTION_INVALID'
  | 'MESSAGING_OVERLOADED_UNAVAILABLE'
  | 'MESSAGING_TEMPLATE_INVALID';

/** One field that broke a rule. `details.errors` of an error about input is an array of these. */
export interface FieldError {
  /** The field's name as in TypeScript (camelCase), nested ones joined by dots. */
  readonly path: string;
  /** What the field must keep, in words. */
  readonly rule: string;
  /** What was received, shortened. */
  readonly received: string;
}

/** An error of this package. `cause` is the error underneath, where there is one. */
export class MessagingError extends Error {
  override readonly name = 'MessagingError';
  readonly code: MessagingErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: MessagingErrorCode,
    message: string,
    options?: { cause?: unknown; details?: Record<string, unknown> },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options?.details;
  }
}

/** Whether a value is a {@link MessagingError}, of whichever copy of this package. */
export function isMessagingError(value: unknown): value is MessagingError {
  return value instanceof Error && value.name === 'MessagingError' && 'code' in value;
}

const RECEIVED_MAX = 80;

/** A received value in a few words, for an error message: never the whole of a long text. */
export function describeReceived(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') {
    const shown = value.length > RECEIVED_MAX ? `${value.slice(0, RECEIVED_MAX)}…` : value;
    return `'${shown}' (string of ${value.length})`;
  }
  if (value === null || typeof value === 'number' || typeof value === 'boolean') {
    return `${String(value)}`;
  }
  return Array.isArray(value) ? `array of ${value.length}` : typeof value;
}

/** An input error that names every field at fault. */
export function invalidInput(errors: readonly FieldError[]): MessagingError {
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  const text =
    first === undefined
      ? 'Invalid input'
      : `${first.path} must be ${first.rule}, got ${first.received}`;
  return new MessagingError('MESSAGING_INPUT_INVALID', text + more, { details: { errors } });
}

/** An option error that names option, rule and received value. */
export function invalidOption(option: string, rule: string, received: unknown): MessagingError {
  const shown = describeReceived(received);
  return new MessagingError(
    'MESSAGING_OPTION_INVALID',
    `Expected option \`${option}\` to be ${rule}, got ${shown}`,
    { details: { option, rule, received: shown } },
  );
}
