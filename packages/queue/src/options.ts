import { type Duration, durationMs } from './duration.js';
import { QueueError, type QueueErrorCode, type QueueIssue } from './errors.js';

const SHOWN_CHARS = 80;

/** A value as it is shown in an error: short, and with its type. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  let text: string | undefined;
  try {
    text =
      typeof value === 'number' || typeof value === 'bigint' ? `${value}` : JSON.stringify(value);
  } catch {
    text = undefined;
  }
  text ??= String(value);
  const short = text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
  return `${short} (${value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value})`;
}

/** The error for inputs that broke rules; its message names the first. */
export function invalid(
  code: QueueErrorCode,
  issues: readonly QueueIssue[],
  cause?: unknown,
): QueueError {
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  const text = first
    ? `Expected \`${first.path}\` to be ${first.rule}, got ${first.received}${more}`
    : 'Invalid input';
  return new QueueError(code, text, { cause, details: { issues } });
}

/** The error for one option. */
export function invalidOption(path: string, rule: string, value: unknown): QueueError {
  return invalid('QUEUE_OPTION_INVALID', [{ path, rule, received: shown(value) }]);
}

/** Longest duration accepted: a hundred years keeps every date a store computes in range. */
const MAX_DURATION_MS = 100 * 365 * 86_400_000;

/** Milliseconds of an option, or its default. */
export function durationOption(
  path: string,
  value: Duration | undefined,
  fallback: number,
  min = 0,
): number {
  if (value === undefined) return fallback;
  const known = typeof value === 'number' || typeof value === 'string';
  const ms = known ? durationMs(value) : Number.NaN;
  if (ms >= min && ms <= MAX_DURATION_MS) return ms;
  const rule = `a duration of at least ${min} ms, such as 500 or '30s'`;
  throw invalidOption(path, rule, value);
}

/** A whole number within bounds, or its default. */
export function integerOption(
  path: string,
  value: number | undefined,
  fallback: number,
  [min, max]: readonly [number, number],
): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalidOption(path, `an integer from ${min} to ${max}`, value);
}

/** A number within bounds, or its default. */
export function numberOption(
  path: string,
  value: number | undefined,
  fallback: number,
  [min, max]: readonly [number, number],
): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw invalidOption(path, `a number from ${min} to ${max}`, value);
}

/** A text of bounded length without NUL, which Postgres cannot hold. */
export function textOption(path: string, value: unknown, maxChars = 200): string {
  if (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= maxChars &&
    !value.includes('\0')
  ) {
    return value;
  }
  throw invalidOption(path, `a text of 1 to ${maxChars} characters without NUL`, value);
}

/** Refuses an option that does not exist: a misspelt one would be ignored in silence. */
export function knownOptions(where: string, options: unknown, known: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidOption(where, 'an object', options);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) {
      throw invalidOption(`${where}.${name}`, `absent; known are ${known.join(', ')}`, value);
    }
  }
}
