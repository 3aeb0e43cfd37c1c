import type { Meter, Observable } from '@opentelemetry/api';
import type { PoolStats } from './pool-monitor.js';

/** Records what happens to a pool. */
export interface PoolRecorder {
  acquired(waitMs: number): void;
  queried(durationMs: number, failed: boolean, slow: boolean): void;
  stop(): void;
}

type Reading = readonly [instrument: Observable, value: (stats: PoolStats) => number];

/** Registers the twelve metrics of a pool, read from `stats` when they are collected. */
export function recordPool(
  meter: Meter,
  pool: string,
  stats: () => PoolStats | undefined,
): PoolRecorder {
  const labels = { pool };
  const gauge = (name: string, description: string): Observable =>
    meter.createObservableGauge(name, { description });
  const counter = (name: string, description: string): Observable =>
    meter.createObservableCounter(name, { description });
  const slowQueries = counter('db_pool_slow_queries_total', 'Statements over the slow limit.');
  const readings: readonly Reading[] = [
    [gauge('db_pool_size', 'Open connections.'), (s) => s.size],
    [gauge('db_pool_max', 'Most connections there may be.'), (s) => s.max],
    [gauge('db_pool_checked_out', 'Connections in use.'), (s) => s.checkedOut],
    [gauge('db_pool_available', 'Connections free to be taken.'), (s) => s.available],
    [gauge('db_pool_waiting', 'Callers waiting for a connection.'), (s) => s.waiting],
    [
      gauge('db_pool_utilization', 'Connections in use of the most there may be, 0 to 1.'),
      (s) => (s.max > 0 ? s.checkedOut / s.max : 0),
    ],
    [counter('db_pool_connections_opened_total', 'Connections opened.'), (s) => s.opened],
    [counter('db_pool_connections_closed_total', 'Connections closed.'), (s) => s.closed],
    [counter('db_pool_connection_errors_total', 'Connections that failed.'), (s) => s.errors],
    [slowQueries, () => slow],
  ];
  const acquire = meter.createHistogram('db_pool_acquire_duration_seconds', {
    description: 'Time that callers waited for a connection.',
  });
  const query = meter.createHistogram('db_pool_query_duration_seconds', {
    description: 'Duration of statements.',
  });
  let slow = 0;
  const observe: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    const current = stats();
    if (current === undefined) return;
    for (const [instrument, value] of readings) result.observe(instrument, value(current), labels);
  };
  const observables = readings.map(([instrument]) => instrument);
  meter.addBatchObservableCallback(observe, observables);
  return {
    acquired: (waitMs) => acquire.record(waitMs / 1_000, labels),
    queried: (durationMs, failed, isSlow) => {
      if (isSlow) slow += 1;
      query.record(durationMs / 1_000, { pool, outcome: failed ? 'error' : 'ok' });
    },
    stop: () => meter.removeBatchObservableCallback(observe, observables),
  };
}
