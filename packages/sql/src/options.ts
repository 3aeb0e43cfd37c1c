import { type Duration, durationMs } from './duration.js';
import { SqlError } from './errors.js';

/** Says which option broke which rule with which value. */
export function invalidOption(option: string, rule: string, received: unknown): SqlError {
  const shown = typeof received === 'string' ? JSON.stringify(received) : String(received);
  return new SqlError(
    'SQL_OPTION_INVALID',
    `Expected \`${option}\` to be ${rule}, got ${shown} (${typeof received})`,
    { details: { option, rule, received: shown } },
  );
}

/** A whole number within limits. */
export function wholeNumber(option: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  throw invalidOption(option, `a whole number from ${min} to ${max}`, value);
}

/** Longest time limit: what a timer and Postgres' settings hold. */
const LONGEST_MS = 2_147_483_647;

/** Milliseconds of a duration option. */
export function milliseconds(option: string, value: Duration): number {
  const ms = durationMs(value);
  if (ms <= LONGEST_MS) return Math.ceil(ms);
  throw invalidOption(
    option,
    "a number of milliseconds or a duration such as '30s', up to 24 days",
    value,
  );
}

/** Milliseconds of a statement's own time limit, if it has one; less than one is no limit at all. */
export function timeLimit(value: Duration | undefined): number | undefined {
  return value === undefined ? undefined : milliseconds('timeout', value);
}
