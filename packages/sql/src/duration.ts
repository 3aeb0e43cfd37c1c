/** A length of time: a number of milliseconds, or a number with a unit, such as `'250ms'`, `'30s'`, `'15m'`, `'1h'`, `'1d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const PATTERN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** Milliseconds of a {@link Duration}; `NaN` when it is malformed, negative or not finite, so that the caller can name the field. */
export function durationMs(value: Duration): number {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : Number.NaN;
  const [, amount, unit] = PATTERN.exec(value) ?? [];
  return amount === undefined ? Number.NaN : Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS];
}
