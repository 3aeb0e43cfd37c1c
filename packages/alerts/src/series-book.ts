import { createHash } from 'node:crypto';
import type { Alert, Labels } from './alert.js';
import type { CompiledRule } from './compiled-rule.js';
import { afterEvent, type Occasion } from './incident.js';
import { acknowledge, end, INACTIVE, isForgettable, type SeriesEvent, step } from './reducer.js';
import type { Sample } from './rule.js';
import type { Series, SeriesChange } from './store.js';

/** Series a rule may have; more are left out, so that a label with endless values cannot exhaust the memory. */
export const MAX_SERIES = 1_000;

/** Something that happened to an alert. */
export interface Happening {
  readonly event: SeriesEvent;
  readonly alert: Alert;
}

/** What became of one evaluation of one rule. */
export interface BookUpdate {
  readonly changes: readonly SeriesChange[];
  readonly happenings: readonly Happening[];
  /** Series left out because there are too many. */
  readonly leftOut: number;
}

/** Names a series by its rule and labels. */
export function fingerprintOf(rule: string, labels: Labels): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([rule, sorted]))
    .digest('hex')
    .slice(0, 32);
}

/** The series that are not quiet, in memory. Everything here is synchronous: what happens, happens in one turn. */
export class SeriesBook {
  readonly #series = new Map<string, Series>();

  /** Takes up what a store has kept. */
  restore(series: readonly Series[]): void {
    for (const one of series) this.#series.set(one.fingerprint, one);
  }

  /** Alerts that are firing. */
  firing(): Alert[] {
    return this.#open().filter(({ status }) => status === 'firing');
  }

  /** Applies what was read for a rule. Series of the rule that were not read get no value. */
  apply(rule: CompiledRule, samples: readonly Sample[], now: number): BookUpdate {
    const values = new Map<string, { labels: Labels; value: number | null }>();
    const known = this.#ofRule(rule.id);
    for (const { fingerprint, labels } of known) values.set(fingerprint, { labels, value: null });
    let leftOut = 0;
    for (const { value, labels: read } of samples) {
      const labels = { ...rule.labels, ...read };
      const fingerprint = fingerprintOf(rule.id, labels);
      const room = values.size < MAX_SERIES || values.has(fingerprint);
      if (room) values.set(fingerprint, { labels, value });
      else leftOut += 1;
    }
    const changes: SeriesChange[] = [];
    const happenings: Happening[] = [];
    for (const [fingerprint, { labels, value }] of values) {
      const before = this.#series.get(fingerprint) ?? fresh(fingerprint, rule.id, labels);
      const quiet = isForgettable(before.state, rule.logic.cooldownMs, now);
      const series = quiet ? fresh(fingerprint, rule.id, labels) : before;
      const { state, events } = step(series.state, value, rule.logic, now);
      const next = { ...series, state };
      this.#record(next, events, { now, value }, rule, changes, happenings);
    }
    return { changes, happenings, leftOut };
  }

  /** Acknowledges the firing alert with this id; `undefined` when none is. */
  acknowledge(
    id: string,
    by: string,
    note: string | null,
    now: number,
    ruleOf: (id: string) => CompiledRule | undefined,
  ): BookUpdate | undefined {
    const series = [...this.#series.values()].find(({ alert }) => alert?.id === id);
    if (series?.state.phase !== 'firing') return undefined;
    const { state, events } = acknowledge(series.state, { at: now, by, note });
    const occasion = { now, value: null, by, note };
    return this.#recordOne({ ...series, state }, events, occasion, ruleOf(series.rule));
  }

  /** Ends the series of rules that are not evaluated any more. */
  endOthers(rules: ReadonlyMap<string, CompiledRule>, now: number): BookUpdate {
    const changes: SeriesChange[] = [];
    const happenings: Happening[] = [];
    for (const series of this.#series.values()) {
      if (rules.has(series.rule)) continue;
      const { state, events } = end(series.state);
      const occasion = { now, value: null, note: 'The rule is no longer evaluated' };
      this.#record({ ...series, state }, events, occasion, undefined, changes, happenings);
    }
    return { changes, happenings, leftOut: 0 };
  }

  #open(): Alert[] {
    return [...this.#series.values()].flatMap(({ alert }) => alert ?? []);
  }

  #ofRule(rule: string): Series[] {
    return [...this.#series.values()].filter((series) => series.rule === rule);
  }

  #recordOne(
    series: Series,
    events: readonly SeriesEvent[],
    occasion: Occasion,
    rule: CompiledRule | undefined,
  ): BookUpdate {
    const changes: SeriesChange[] = [];
    const happenings: Happening[] = [];
    this.#record(series, events, occasion, rule, changes, happenings);
    return { changes, happenings, leftOut: 0 };
  }

  #record(
    series: Series,
    events: readonly SeriesEvent[],
    occasion: Occasion,
    rule: CompiledRule | undefined,
    changes: SeriesChange[],
    happenings: Happening[],
  ): void {
    const { fingerprint, state } = series;
    let next = series;
    let dropAlert: string | null = null;
    for (const event of events) {
      const alert = afterEvent(next, event, occasion, rule);
      if (alert === null) dropAlert = next.alert?.id ?? null;
      else happenings.push({ event, alert });
      next = { ...next, alert };
    }
    const forget = isForgettable(state, rule?.logic.cooldownMs ?? 0, occasion.now);
    const known = this.#series.has(fingerprint);
    if (events.length === 0 && !(forget && known)) return;
    if (forget) this.#series.delete(fingerprint);
    else this.#series.set(fingerprint, next);
    // An alert that did not change is in the store already, or has left its history since.
    changes.push({
      series: events.length === 0 ? { ...next, alert: null } : next,
      forget,
      dropAlert,
    });
  }
}

function fresh(fingerprint: string, rule: string, labels: Labels): Series {
  return { fingerprint, rule, labels, state: INACTIVE, alert: null };
}
