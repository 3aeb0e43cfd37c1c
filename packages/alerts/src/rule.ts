import type { Labels, Severity } from './alert.js';
import type { Duration } from './duration.js';

/** A bound on a value. */
export type Threshold =
  | { readonly above: number }
  | { readonly atLeast: number }
  | { readonly below: number }
  | { readonly atMost: number };

/** One value, with the labels that tell it from others of the same rule. */
export interface Sample {
  readonly value: number;
  readonly labels?: Labels;
}

/**
 * What was read: one value, several with labels, or nothing (`null`, `undefined`, NaN, an empty list), which is
 * left to the rule's `noData`.
 */
export type Reading = number | null | undefined | readonly Sample[];

/** Gives present values of metrics by name. */
export interface MetricSource {
  /**
   * Reads a metric.
   * @param labels only series that have these labels
   */
  read(metric: string, labels?: Labels): Reading | Promise<Reading>;
}

/** What a function that reads a value is told. */
export interface ReadContext {
  /** Aborted when the reading takes longer than `sourceTimeout`. */
  readonly signal: AbortSignal;
}

/** Fields that every rule has. */
export interface RuleFields {
  /** Unique among the rules; letters, digits and `-`, `_`, `.`, `:`; at most 128 characters. */
  id: string;
  severity: Severity;
  /** Fires while the value is beyond this. */
  fire: Threshold;
  /**
   * A firing alert resolves only when the value is beyond this, so that a value that swings around the threshold
   * does not fire and resolve all the time.
   * @defaultValue the opposite of `fire`
   */
  clear?: Threshold | undefined;
  /**
   * How long the condition must have been true at every evaluation before the alert fires.
   * @defaultValue 0
   */
  for?: Duration | undefined;
  /**
   * Least time between two announcements of the same series. What fires again earlier reopens the same alert
   * silently, and is announced when the cooldown ends, if it is still firing then.
   * @defaultValue `'5m'`
   */
  cooldown?: Duration | undefined;
  /**
   * What nothing to read means: `keep` leaves everything as it is, `resolve` counts as a value that clears.
   * @defaultValue `'keep'`
   */
  noData?: 'keep' | 'resolve' | undefined;
  /**
   * Added to the labels of every alert; labels that were read win.
   * @defaultValue none
   */
  labels?: Labels | undefined;
  /**
   * Texts about the alert. `{{value}}`, `{{value|percent}}`, `{{value|round}}`, `{{labels.pool}}`, `{{rule}}`,
   * `{{severity}}` and `{{threshold}}` are filled in.
   * @defaultValue none
   */
  annotations?: Readonly<Record<string, string>> | undefined;
  /**
   * Whether the rule is evaluated.
   * @defaultValue true
   */
  enabled?: boolean | undefined;
}

/** A rule on a metric: plain data. */
export interface MetricRule extends RuleFields {
  /** Name of the metric. */
  metric: string;
  /**
   * Only series with these labels.
   * @defaultValue all
   */
  match?: Labels | undefined;
  /**
   * Which of the `sources` has the metric.
   * @defaultValue the only one
   */
  source?: string | undefined;
}

/** A rule on whatever a function reads. */
export interface FunctionRule extends RuleFields {
  /** Reads the value. When it throws, that is counted, logged and treated as nothing to read. */
  read(context: ReadContext): Reading | Promise<Reading>;
}

/** When to alert. */
export type AlertRule = MetricRule | FunctionRule;
