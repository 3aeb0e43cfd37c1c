import { type Duration, durationMs } from './duration.js';
import { CacheError } from './errors.js';

/** 100 years: far enough, and far from where a store's arithmetic overflows. */
export const MAX_TTL_MS: number = 100 * 365 * 86_400_000;
export const MAX_TIMER_MS = 3_600_000;

/** A value for the end of an error message. */
export function describe(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return `${text.length > 60 ? `${text.slice(0, 60)}…` : text} (${value === null ? 'null' : typeof value})`;
}

/** Fails with the option's name, the rule and what was received. */
export function optionInvalid(option: string, rule: string, received: unknown): CacheError {
  return new CacheError(
    'CACHE_OPTION_INVALID',
    `Expected \`${option}\` to be ${rule}, got ${describe(received)}`,
    {
      details: { option, rule },
    },
  );
}

/** Refuses options that are not an object or have a name that is not known. */
export function checkKnown(options: unknown, name: string, known: readonly string[]): void {
  if (options === null || typeof options !== 'object') {
    throw optionInvalid(name, 'an object', options);
  }
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw optionInvalid(`${name}.${option}`, `one of ${known.join(', ')}`, option);
    }
  }
}

/** Milliseconds of a duration within limits. */
export function duration(option: string, value: unknown, min: number, max: number): number {
  const ms =
    typeof value === 'number' || typeof value === 'string'
      ? durationMs(value as Duration)
      : Number.NaN;
  if (!(ms >= min && ms <= max)) {
    throw optionInvalid(option, `a duration from ${min} to ${max} ms, such as 250 or '30s'`, value);
  }
  return ms;
}

/** An integer within limits. */
export function integer(option: string, value: unknown, max: number, min = 1): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw optionInvalid(option, `an integer from ${min} to ${max}`, value);
  }
  return value;
}
