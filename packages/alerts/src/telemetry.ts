import { metrics, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { type Alert, SEVERITIES, type Severity } from './alert.js';
import type { NotifierStats } from './notifier.js';
import { VERSION } from './version.js';

const NAME = '@holdfast/alerts';

/** Counters, since the alerts were made. */
export interface AlertStats {
  /** Evaluations of all rules. */
  readonly evaluations: number;
  /** Readings that failed, by rule. */
  readonly failures: Readonly<Record<string, number>>;
  /** Alerts firing now, by severity. */
  readonly active: Readonly<Record<Severity, number>>;
  /** Alerts that fired, by severity, each once. */
  readonly total: Readonly<Record<Severity, number>>;
  /** By notifier. */
  readonly notifiers: Readonly<Record<string, NotifierStats>>;
}

/** A count for each severity, zero at first. */
export function bySeverity(alerts: readonly Alert[] = []): Record<Severity, number> {
  const counts = { INFO: 0, WARNING: 0, CRITICAL: 0, EMERGENCY: 0 };
  for (const { severity } of alerts) counts[severity] += 1;
  return counts;
}

interface Result {
  observe(value: number, attributes: Record<string, string>): void;
}

/** Lets the counters be read at each collection. Returns what ends that. */
export function observe(stats: () => AlertStats): () => void {
  const meter = metrics.getMeter(NAME, VERSION);
  const active = (result: Result) => {
    for (const severity of SEVERITIES) result.observe(stats().active[severity], { severity });
  };
  const total = (result: Result) => {
    for (const severity of SEVERITIES) result.observe(stats().total[severity], { severity });
  };
  const failures = (result: Result) => {
    for (const [rule, count] of Object.entries(stats().failures)) result.observe(count, { rule });
  };
  const notifications = (result: Result) => {
    for (const [notifier, { sent, dead, dropped }] of Object.entries(stats().notifiers)) {
      for (const [outcome, count] of Object.entries({ sent, dead, dropped })) {
        result.observe(count, { notifier, outcome });
      }
    }
  };
  const counter = (name: string) => meter.createObservableCounter(name);
  const watched = [
    [meter.createObservableGauge('active_alerts_count'), active],
    [counter('total_alerts_count'), total],
    [counter('holdfast_alerts_evaluation_failures_total'), failures],
    [counter('holdfast_alerts_notifications_total'), notifications],
  ] as const;
  for (const [instrument, read] of watched) instrument.addCallback(read);
  return () => {
    for (const [instrument, read] of watched) instrument.removeCallback(read);
  };
}

function tracer(): Tracer {
  return trace.getTracer(NAME, VERSION);
}

/** Runs one evaluation in a span. */
export function evaluationSpan<T>(work: () => Promise<T>): Promise<T> {
  return tracer().startActiveSpan('alerts evaluate', async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Leaves a mark in the trace that an alert fired. */
export function firedSpan({ id, rule, severity }: Alert): void {
  const attributes = {
    'holdfast.consequence': 'alert.fired',
    'holdfast.alerts.alert': id,
    'holdfast.alerts.rule': rule,
    'holdfast.alerts.severity': severity,
  };
  tracer().startSpan('alert fired', { attributes }).end();
}
