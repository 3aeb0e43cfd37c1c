import { type Duration, durationMs } from './duration.js';
import { ObservabilityError } from './errors.js';

/** The error for an option that breaks its rule; names the option, the rule and what was received. */
export function optionInvalid(option: string, rule: string, received: unknown): ObservabilityError {
  const shown = typeof received === 'string' ? `\`${received}\`` : String(received);
  return new ObservabilityError(
    'OBSERVABILITY_OPTION_INVALID',
    `Expected \`${option}\` to be ${rule}, got ${shown} (${typeof received})`,
    { details: { option, rule } },
  );
}

/** Milliseconds of a duration option. */
export function durationOption(option: string, value: Duration): number {
  const ms = durationMs(value);
  if (Number.isNaN(ms)) {
    throw optionInvalid(option, "milliseconds from 0 up, or a text like '30s'", value);
  }
  return ms;
}

/** A text option that must not be empty. */
export function textOption(option: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') {
    throw optionInvalid(option, 'a text that is not empty', value);
  }
  return value;
}

/** A number option within bounds, both included. */
export function numberOption(option: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw optionInvalid(option, `a number from ${min} to ${max}`, value);
  }
  return value;
}
