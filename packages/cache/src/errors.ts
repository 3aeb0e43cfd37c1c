/** Every `code` of a {@link CacheError}. */
export type CacheErrorCode =
  | 'CACHE_CLOSED'
  | 'CACHE_ENTRY_DAMAGED'
  | 'CACHE_KEY_INVALID'
  | 'CACHE_NAMESPACE_CONFLICT'
  | 'CACHE_NAMESPACE_NOT_FOUND'
  | 'CACHE_OPTION_INVALID'
  | 'CACHE_PEER_MISSING'
  | 'CACHE_STORE_UNAVAILABLE'
  | 'CACHE_TIMEOUT'
  | 'CACHE_VALUE_INVALID';

/** An error of this package. Errors of a factory are not wrapped: callers get what the factory threw. */
export class CacheError extends Error {
  override readonly name = 'CacheError';
  readonly code: CacheErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: CacheErrorCode,
    message: string,
    options?: { cause?: unknown; details?: Record<string, unknown> },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options?.details;
  }
}

/** Whether a value is a {@link CacheError}, of whichever copy of this package. */
export function isCacheError(value: unknown): value is CacheError {
  return value instanceof Error && value.name === 'CacheError' && 'code' in value;
}
