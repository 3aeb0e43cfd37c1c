import type { Alert, AlertStatus, Severity } from '../alert.js';
import { AlertError } from '../errors.js';
import type { AlertCounts, AlertQuery, AlertStore, Series, SeriesChange } from '../store.js';

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /**
   * Resolved alerts that are kept; beyond it those resolved first go first.
   * @defaultValue 1000
   */
  historyLimit?: number;
}

/** Keeps alerts in this process. The reference for every store. */
export function memoryStore(options: MemoryStoreOptions = {}): AlertStore {
  const { historyLimit = 1000 } = options;
  if (!Number.isSafeInteger(historyLimit) || historyLimit < 0) {
    throw new AlertError(
      'ALERT_OPTION_INVALID',
      `Option \`historyLimit\`: must be a whole number from 0 up; received ${String(historyLimit)}`,
    );
  }
  return new MemoryStore(historyLimit);
}

type Tally = Record<AlertStatus, Record<Severity, number>>;

class MemoryStore implements AlertStore {
  readonly name = 'memory';
  readonly #historyLimit: number;
  readonly #series = new Map<string, Series>();
  readonly #alerts = new Map<string, Alert>();
  /** Ids of resolved alerts, the first resolved first. */
  readonly #history = new Set<string>();
  readonly #counts: Tally = { pending: none(), firing: none(), resolved: none() };

  constructor(historyLimit: number) {
    this.#historyLimit = historyLimit;
  }

  async commit(changes: readonly SeriesChange[]): Promise<void> {
    for (const { series, forget, dropAlert } of structuredClone(changes)) {
      if (forget) this.#series.delete(series.fingerprint);
      else this.#series.set(series.fingerprint, series);
      if (dropAlert !== null) this.#remove(dropAlert);
      if (series.alert !== null) this.#put(series.alert);
    }
    for (const id of this.#history) {
      if (this.#history.size <= this.#historyLimit) break;
      this.#remove(id);
    }
  }

  async load(): Promise<readonly Series[]> {
    return structuredClone([...this.#series.values()]);
  }

  async get(id: string): Promise<Alert | null> {
    return structuredClone(this.#alerts.get(id) ?? null);
  }

  async list(query: AlertQuery): Promise<readonly Alert[]> {
    const found = [...this.#alerts.values()]
      .filter((alert) => matches(alert, query))
      .sort((a, b) => (a.id < b.id ? 1 : -1));
    return structuredClone(found.slice(0, query.limit));
  }

  async counts(): Promise<AlertCounts> {
    return structuredClone(this.#counts);
  }

  #put(alert: Alert): void {
    this.#remove(alert.id);
    this.#alerts.set(alert.id, alert);
    this.#counts[alert.status][alert.severity] += 1;
    if (alert.status === 'resolved') this.#history.add(alert.id);
  }

  #remove(id: string): void {
    const alert = this.#alerts.get(id);
    if (alert === undefined) return;
    this.#alerts.delete(id);
    this.#history.delete(id);
    this.#counts[alert.status][alert.severity] -= 1;
  }
}

function none(): Record<Severity, number> {
  return { INFO: 0, WARNING: 0, CRITICAL: 0, EMERGENCY: 0 };
}

function matches(alert: Alert, query: AlertQuery): boolean {
  const { status, severity, rule, from, to, before } = query;
  return (
    (status === undefined || status.includes(alert.status)) &&
    (severity === undefined || severity.includes(alert.severity)) &&
    (rule === undefined || alert.rule === rule) &&
    (from === undefined || alert.startedAt >= from) &&
    (to === undefined || alert.startedAt < to) &&
    (before === undefined || alert.id < before)
  );
}
