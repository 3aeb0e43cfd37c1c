import type { Clock } from './clock.js';
import { type Duration, durationMs } from './duration.js';
import { isQueueError, QueueError, type QueueErrorCode, type QueueIssue } from './errors.js';
import type { Logger } from './logger.js';

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
  text ??= described(value);
  const short = text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
  return `${short} (${value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value})`;
}

/** What has no JSON form, such as a circle; some objects have no text either. */
function described(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'an object';
  }
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

/** The end of the year 9999: later dates have no ISO text of four digits, and some stores no room. */
const MAX_DATE_MS = 253_402_300_799_999;

/** The rule for dates. */
export const DATE_RULE = 'a valid date since 1970, up to 9999';

/** Milliseconds of a date since 1970; `NaN` where there is none. */
export function dateMs(date: unknown): number {
  const ms = date instanceof Date ? date.getTime() : Number.NaN;
  return ms >= 0 && ms <= MAX_DATE_MS ? ms : Number.NaN;
}

/** Milliseconds of a duration as options have them; `NaN` where it is none. */
export function durationWithin(value: unknown): number {
  const known = typeof value === 'number' || typeof value === 'string';
  const ms = known ? durationMs(value as Duration) : Number.NaN;
  return ms <= MAX_DURATION_MS ? ms : Number.NaN;
}

/** Milliseconds of an option, or its default. */
export function durationOption(
  path: string,
  value: Duration | undefined,
  fallback: number,
  min = 0,
): number {
  if (value === undefined) return fallback;
  const ms = durationWithin(value);
  if (ms >= min) return ms;
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

/** NUL, which Postgres cannot hold, and half of a surrogate pair, which UTF-8 cannot: two texts would become one. */
const UNSTORABLE = /[\0\p{Cs}]/u;

/** Whether every store gives a text back as it was. */
export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}

/** A text of bounded length that every store gives back as it was. */
export function textOption(path: string, value: unknown, maxChars = 200): string {
  if (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= maxChars &&
    isStorable(value)
  ) {
    return value;
  }
  const rule = `a text of 1 to ${maxChars} characters without NUL or half a surrogate pair`;
  throw invalidOption(path, rule, value);
}

/** A logger, or the one that is silent. */
export function loggerOption(path: string, value: Logger | undefined, fallback: Logger): Logger {
  if (value === undefined) return fallback;
  if (hasFunctions(value, ['debug', 'info', 'warn', 'error'])) return value;
  throw invalidOption(path, 'a logger with debug, info, warn and error', value);
}

/** A clock, or its default. */
export function clockOption(path: string, value: Clock | undefined, fallback: Clock): Clock {
  if (value === undefined) return fallback;
  if (hasFunctions(value, ['now', 'setTimeout'])) return value;
  throw invalidOption(path, 'a clock with now and setTimeout', value);
}

/** Whether a value has all of these methods. */
export function hasFunctions(value: unknown, names: readonly string[]): boolean {
  return names.every((name) => typeof Object(value)[name] === 'function');
}

/** Refuses an option that does not exist: a misspelt one would be ignored in silence. */
export function knownOptions(where: string, options: unknown, known: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidOption(where, 'an object', options);
  }
  for (const [name, value] of readable(where, () => Object.entries(options))) {
    if (!known.includes(name)) {
      throw invalidOption(`${where}.${name}`, `absent; known are ${known.join(', ')}`, value);
    }
  }
}

/** What a caller's object holds: a getter of it that throws is a fault of that object. */
export function readable<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (isQueueError(cause)) throw cause;
    const received = shown(String(Object(cause).message ?? cause));
    const issue = { path: where, rule: 'an object whose properties can be read', received };
    throw invalid('QUEUE_OPTION_INVALID', [issue], cause);
  }
}
