/*
 * Terminology
 *   rule         when to alert: which value, from which threshold on, for how long.
 *   series       what one rule watches under one set of labels. It is named by its fingerprint.
 *   alert        one incident of a series: pending, then firing, then resolved. A series has at most one open.
 *   transition   one entry of an alert's audit trail.
 *   announce     to tell the notifiers that an alert is firing.
 */

/** How bad it is, from least to worst. */
export type Severity = 'INFO' | 'WARNING' | 'CRITICAL' | 'EMERGENCY';

/** All severities, from least to worst. */
export const SEVERITIES: readonly Severity[] = ['INFO', 'WARNING', 'CRITICAL', 'EMERGENCY'];

/** Names and values that tell one series of a rule from another. */
export type Labels = Readonly<Record<string, string>>;

/** Where an alert is in its life. */
export type AlertStatus = 'pending' | 'firing' | 'resolved';

/** One entry of an alert's audit trail. */
export interface Transition {
  readonly at: Date;
  /**
   * `reopened`: it fired again within the cooldown, so it is the same alert and nobody was told again. `announced`:
   * a reopened alert was still firing when the cooldown ended, so the notifiers were told after all.
   */
  readonly type: 'pending' | 'fired' | 'reopened' | 'announced' | 'acknowledged' | 'resolved';
  /** The value that caused it; `null` where no value did. */
  readonly value: number | null;
  /** Who did it, where somebody did. */
  readonly by: string | null;
  /** Why, in somebody's words or in ours. */
  readonly note: string | null;
}

/** That somebody has seen an alert. */
export interface Acknowledgement {
  readonly at: Date;
  readonly by: string;
  readonly note: string | null;
}

/** One incident. */
export interface Alert {
  /** UUIDv7. */
  readonly id: string;
  /** `id` of its rule. */
  readonly rule: string;
  /** Names the series: the same for every alert of this rule with these labels. */
  readonly fingerprint: string;
  readonly severity: Severity;
  /** Those of the rule and those of the value it read. */
  readonly labels: Labels;
  /** The rule's annotations, filled in when the alert last changed. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly status: AlertStatus;
  /** The value when the alert last changed; `null` where none was read. */
  readonly value: number | null;
  /** Since when the condition has been true. */
  readonly startedAt: Date;
  /** When it first fired; `null` while pending. */
  readonly firedAt: Date | null;
  readonly resolvedAt: Date | null;
  readonly acknowledged: Acknowledgement | null;
  /** Oldest first; of very many, the first and the last 99. */
  readonly transitions: readonly Transition[];
}

/** One page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Gives the next page; `null` at the end. */
  readonly nextCursor: string | null;
}
