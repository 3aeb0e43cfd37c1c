import { type Alert, type Page, SEVERITIES } from './alert.js';
import { ChangeLog } from './change-log.js';
import type { Timer } from './clock.js';
import { type CompiledRule, compileRule } from './compiled-rule.js';
import { decodeCursor, pageOf } from './cursor.js';
import { Dispatcher } from './dispatcher.js';
import { durationMs } from './duration.js';
import { AlertError } from './errors.js';
import { type AlertEvent, type AlertEventType, Events } from './events.js';
import {
  type AcknowledgeOptions,
  type AlertsOptions,
  type CloseOptions,
  check,
  type HistoryOptions,
  type ListOptions,
  rules as optionRules,
  type ResolvedOptions,
  resolveOptions,
} from './options.js';
import { readSamples } from './reading.js';
import type { AlertRule } from './rule.js';
import { checkRules } from './rule-schema.js';
import { type BookUpdate, MAX_SERIES, SeriesBook } from './series-book.js';
import type { AlertCounts } from './store.js';
import { type AlertStats, bySeverity, evaluationSpan, firedSpan, observe } from './telemetry.js';
import { uuidv7 } from './uuid.js';

/** What one evaluation did. */
export interface EvaluationReport {
  /** Rules evaluated. */
  readonly rules: number;
  /** Rules whose value could not be read. */
  readonly failed: readonly string[];
  /** Alerts that began to fire, again or for the first time. */
  readonly fired: number;
  readonly resolved: number;
}

/** What `close` did. */
export interface CloseReport {
  /** Whether all notifications were sent before the deadline. */
  readonly drained: boolean;
  readonly durationMs: number;
}

/**
 * Makes alerts over rules. Nothing is evaluated until `start()` or `evaluate()`.
 * @throws AlertError `ALERT_OPTION_INVALID`, `ALERT_RULE_INVALID` with every problem in `details.errors`
 */
export function createAlerts(options: AlertsOptions): Alerts {
  return new Alerts(options);
}

/** Evaluates rules and keeps the alerts that come of them. Made by {@link createAlerts}. */
export class Alerts implements AsyncDisposable {
  readonly #options: ResolvedOptions;
  readonly #rules: ReadonlyMap<string, CompiledRule>;
  readonly #given: readonly AlertRule[];
  readonly #book = new SeriesBook();
  readonly #log: ChangeLog;
  readonly #events: Events;
  readonly #dispatchers: readonly Dispatcher[];
  readonly #failures = new Map<string, number>();
  readonly #failing = new Set<string>();
  readonly #total = bySeverity();
  readonly #stopObserving: () => void;
  #evaluations = 0;
  #evaluating: Promise<EvaluationReport> | undefined;
  #loading: Promise<void> | undefined;
  #timer: Timer | undefined;
  #started = false;
  #closing: Promise<CloseReport> | undefined;

  /** Use {@link createAlerts}. */
  constructor(options: AlertsOptions) {
    const resolved = resolveOptions(options);
    checkRules(options.rules, new Set(Object.keys(resolved.sources)));
    const { clock, logger, retry, random, notifyTimeoutMs: timeoutMs } = resolved;
    this.#options = resolved;
    this.#given = options.rules.map((rule) => ({ ...rule }));
    const enabled = this.#given.filter((rule) => rule.enabled !== false);
    this.#rules = new Map(enabled.map((rule) => [rule.id, compileRule(rule, resolved.sources)]));
    this.#log = new ChangeLog(resolved.store, logger);
    this.#events = new Events(logger);
    this.#dispatchers = resolved.notifiers.map(
      (notifier) => new Dispatcher(notifier, { clock, logger, retry, random, timeoutMs }),
    );
    this.#stopObserving = observe(() => this.stats());
  }

  /** Evaluates the rules now, and from then on once an interval. The timer does not keep the process alive. */
  start(): void {
    this.#assertOpen();
    if (this.#started) return;
    this.#started = true;
    void this.#tick();
  }

  /**
   * Evaluates all rules once. While an evaluation is running, its result is given.
   * @throws AlertError `ALERT_CLOSED`; an error of the store when what it had kept could not be read
   */
  async evaluate(): Promise<EvaluationReport> {
    this.#assertOpen();
    this.#evaluating ??= evaluationSpan(() => this.#evaluate()).finally(() => {
      this.#evaluating = undefined;
    });
    return this.#evaluating;
  }

  /** The rules, as they were given. */
  rules(): readonly AlertRule[] {
    return this.#given;
  }

  /** Alerts that are firing, the worst first, then the oldest. */
  active(): readonly Alert[] {
    const rank = ({ severity }: Alert) => SEVERITIES.indexOf(severity);
    return structuredClone(this.#book.firing()).sort(
      (a, b) => rank(b) - rank(a) || a.startedAt.getTime() - b.startedAt.getTime(),
    );
  }

  /**
   * One alert with its audit trail.
   * @throws AlertError `ALERT_NOT_FOUND`
   */
  async get(id: string): Promise<Alert> {
    this.#assertOpen();
    const alert = await this.#options.store.get(id);
    if (alert !== null) return alert;
    throw new AlertError('ALERT_NOT_FOUND', `There is no alert ${id}`, { details: { id } });
  }

  /** Alerts, newest first. */
  async list(options: ListOptions = {}): Promise<Page<Alert>> {
    this.#assertOpen();
    const { cursor, limit, ...filter } = check(optionRules.list, options, 'options');
    const before = cursor === undefined ? undefined : decodeCursor(cursor);
    const given = Object.entries({ ...filter, before }).filter(([, value]) => value !== undefined);
    const query = { ...Object.fromEntries(given), limit: limit + 1 };
    return pageOf(await this.#options.store.list(query), limit);
  }

  /** Alerts that resolved, newest first. */
  history(options: HistoryOptions = {}): Promise<Page<Alert>> {
    return this.list({ ...options, status: ['resolved'] });
  }

  /** How many alerts there are, by status and severity. */
  async counts(): Promise<AlertCounts> {
    this.#assertOpen();
    return this.#options.store.counts();
  }

  /**
   * Notes who has seen a firing alert, which ends with it. A later one replaces it; all stay in the audit trail.
   * @throws AlertError `ALERT_NOT_FOUND`; `ALERT_ACKNOWLEDGE_CONFLICT` when it is not firing
   */
  async acknowledge(id: string, options: AcknowledgeOptions): Promise<Alert> {
    this.#assertOpen();
    const { by, note = null } = check(optionRules.acknowledge, options, 'options');
    await this.#load();
    const now = this.#options.clock.now();
    const update = this.#book.acknowledge(id, by, note, now, (rule) => this.#rules.get(rule));
    const alert = update?.happenings[0]?.alert;
    if (update === undefined || alert === undefined) {
      const { status } = await this.get(id);
      throw new AlertError('ALERT_ACKNOWLEDGE_CONFLICT', `Alert ${id} is ${status}, not firing`, {
        details: { id, status },
      });
    }
    this.#publish(update, now);
    await this.#log.record(update.changes);
    return structuredClone(alert);
  }

  /** Calls `handler` for each event of a type in this process. Returns what stops it. */
  on(type: AlertEventType, handler: (event: AlertEvent) => void): () => void {
    return this.#events.on(type, handler);
  }

  /** What was done since these alerts were made. */
  stats(): AlertStats {
    return {
      evaluations: this.#evaluations,
      failures: Object.fromEntries(this.#failures),
      active: bySeverity(this.#book.firing()),
      total: { ...this.#total },
      notifiers: Object.fromEntries(this.#dispatchers.map((one) => [one.name, one.stats()])),
    };
  }

  /** Degraded while rules cannot be read, notifiers fail or changes could not be stored. */
  async health(): Promise<{
    status: 'healthy' | 'degraded' | 'unhealthy';
    details: Record<string, unknown>;
  }> {
    const notifiers = this.#dispatchers.filter(({ failing }) => failing).map(({ name }) => name);
    const failing = { rules: [...this.#failing], notifiers, unsaved: this.#log.unsaved };
    const degraded = this.#failing.size + notifiers.length + this.#log.unsaved > 0;
    const closed = this.#closing !== undefined;
    const status = degraded ? 'degraded' : 'healthy';
    return {
      status: closed ? 'unhealthy' : status,
      details: { failing, firing: this.#book.firing().length, closed },
    };
  }

  /**
   * Stops evaluating, waits for notifications until the deadline and gives up the rest. The store stays open.
   * Idempotent; always resolves.
   */
  close(options: CloseOptions = {}): Promise<CloseReport> {
    const deadlineMs = durationMs(options.deadline ?? '5s');
    if (Number.isNaN(deadlineMs)) {
      throw new AlertError(
        'ALERT_OPTION_INVALID',
        `options.deadline: must be a duration; received ${String(options.deadline)}`,
      );
    }
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  /** The same as {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(deadlineMs: number): Promise<CloseReport> {
    const { clock } = this.#options;
    const startedAt = clock.now();
    this.#timer?.clear();
    this.#stopObserving();
    const drained = await new Promise<boolean>((resolve) => {
      // Not unref'd: what is waited for has unref'd timers only, and the process would end before this does.
      const timer = clock.setTimeout(() => resolve(false), deadlineMs);
      void this.#drained().then(() => {
        timer.clear();
        resolve(true);
      });
    });
    for (const dispatcher of this.#dispatchers) dispatcher.abort();
    return { drained, durationMs: clock.now() - startedAt };
  }

  async #drained(): Promise<void> {
    await this.#evaluating?.catch(() => undefined);
    await Promise.all(this.#dispatchers.map((dispatcher) => dispatcher.drained()));
  }

  async #tick(): Promise<void> {
    const { clock, intervalMs, logger } = this.#options;
    const startedAt = clock.now();
    await this.evaluate().catch((err: unknown) => {
      logger.error({ module: 'alerts', err }, 'The rules could not be evaluated');
    });
    if (this.#closing !== undefined) return;
    // A clock that was set back must not put the next evaluation off by as much.
    const tookMs = Math.max(0, clock.now() - startedAt);
    const waitMs = Math.max(0, intervalMs - tookMs);
    this.#timer = clock.setTimeout(() => void this.#tick(), waitMs);
    this.#timer.unref();
  }

  #load(): Promise<void> {
    this.#loading ??= this.#restore().catch((error: unknown) => {
      this.#loading = undefined; // the next evaluation tries again
      throw error;
    });
    return this.#loading;
  }

  async #restore(): Promise<void> {
    this.#book.restore(await this.#options.store.load());
    const now = this.#options.clock.now();
    const update = this.#book.endOthers(this.#rules, now);
    this.#publish(update, now);
    await this.#save(update.changes);
  }

  async #evaluate(): Promise<EvaluationReport> {
    await this.#load();
    const { clock, sourceTimeoutMs } = this.#options;
    const failed: string[] = [];
    const updates = await Promise.all(
      [...this.#rules.values()].map(async (rule) => {
        const outcome = await readSamples(rule, clock, sourceTimeoutMs);
        this.#noteReading(rule, outcome.ok ? undefined : { err: outcome.error });
        if (!outcome.ok) failed.push(rule.id);
        const now = clock.now();
        const update = this.#book.apply(rule, outcome.ok ? outcome.samples : [], now);
        this.#publish(update, now);
        this.#noteLeftOut(rule, update.leftOut);
        // Recorded in the same turn as it happened, so that the store sees everything in order.
        await this.#save(update.changes);
        return update;
      }),
    );
    this.#evaluations += 1;
    const types = updates.flatMap(({ happenings }) => happenings.map(({ event }) => event.type));
    const count = (...wanted: string[]) => types.filter((type) => wanted.includes(type)).length;
    const fired = count('fired', 'reopened');
    return { rules: this.#rules.size, failed, fired, resolved: count('resolved') };
  }

  /** Alerting goes on when the store does not: what could not be saved is saved with the next evaluation. */
  async #save(changes: BookUpdate['changes']): Promise<void> {
    await this.#log.record(changes).catch((err: unknown) => {
      this.#options.logger.error({ module: 'alerts', err }, 'Alerts could not be stored');
    });
  }

  #publish({ happenings }: BookUpdate, now: number): void {
    const at = new Date(now);
    for (const { event, alert } of happenings) {
      const { type } = event;
      if (type === 'fired') firedSpan(alert);
      if (type === 'fired' && alert.firedAt?.getTime() === at.getTime())
        this.#total[alert.severity] += 1;
      this.#events.emit({ type: `alert.${type}`, at, alert: structuredClone(alert) });
      if (!event.notify) continue;
      const kind = type === 'resolved' ? 'resolved' : 'firing';
      for (const dispatcher of this.#dispatchers) {
        dispatcher.send({ id: uuidv7(), kind, at, alert: structuredClone(alert) });
      }
    }
  }

  #noteReading({ id }: CompiledRule, failure: { err: unknown } | undefined): void {
    if (failure === undefined) {
      this.#failing.delete(id);
      return;
    }
    const fields = { module: 'alerts', rule: id, ...failure };
    // Once when it begins: a source that is down for a day is not worth a warning an interval.
    const level = this.#failing.has(id) ? 'debug' : 'warn';
    this.#options.logger[level](fields, `The value of rule ${id} could not be read`);
    this.#failing.add(id);
    this.#failures.set(id, (this.#failures.get(id) ?? 0) + 1);
  }

  #noteLeftOut({ id }: CompiledRule, leftOut: number): void {
    if (leftOut === 0) return;
    const fields = { module: 'alerts', rule: id, left_out: leftOut };
    this.#options.logger.warn(fields, `Rule ${id} has more than ${MAX_SERIES} series`);
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new AlertError('ALERT_CLOSED', 'These alerts have been closed');
  }
}
