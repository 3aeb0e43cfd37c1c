import type { Alert, AlertStatus, Severity } from './alert.js';
import type { SeriesState } from './reducer.js';

/** What must be remembered of a series to go on with it after a restart. */
export interface Series {
  readonly fingerprint: string;
  /** `id` of its rule. */
  readonly rule: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: SeriesState;
  /** Its open alert, or the last one while a new one would reopen it. */
  readonly alert: Alert | null;
}

/** What changed, in one evaluation. */
export interface SeriesChange {
  /** Kept under its fingerprint, with its alert under the alert's id. */
  readonly series: Series;
  /** The series need not be remembered any more; its alert stays, in the history. */
  readonly forget: boolean;
  /** A pending alert that never fired: removed. */
  readonly dropAlert: string | null;
}

/** Which alerts, newest first. */
export interface AlertQuery {
  readonly status?: readonly AlertStatus[];
  readonly severity?: readonly Severity[];
  readonly rule?: string;
  /** Begun at this time or later. */
  readonly from?: Date;
  /** Begun before this time. */
  readonly to?: Date;
  /** Only alerts whose id sorts before this one. */
  readonly before?: string;
  readonly limit: number;
}

/** How many alerts there are, by status and severity. */
export type AlertCounts = Readonly<Record<AlertStatus, Readonly<Record<Severity, number>>>>;

/**
 * Where alerts are kept. Every store passes `alertStoreConformance` of `@holdfast/alerts/testing`.
 */
export interface AlertStore {
  /** `memory`, … */
  readonly name: string;
  /** Records the changes of one evaluation: all, or none when it throws. Resolved alerts beyond the limit go. */
  commit(changes: readonly SeriesChange[]): Promise<void>;
  /** Everything to go on with after a restart. */
  load(): Promise<readonly Series[]>;
  get(id: string): Promise<Alert | null>;
  /** Alerts, newest first by id. */
  list(query: AlertQuery): Promise<readonly Alert[]>;
  /** In constant time. */
  counts(): Promise<AlertCounts>;
}
