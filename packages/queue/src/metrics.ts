import { metrics, type ObservableResult } from '@opentelemetry/api';
import type { QueueCounters } from './counters.js';
import type { QueueStats, QueueStore } from './store.js';
import { VERSION } from './version.js';

/** Stores are asked at most this often, however often metrics are collected. */
const FRESH_MS = 5_000;

const COUNTERS = {
  added: ['holdfast_queue_enqueued_total', 'Tasks enqueued by this process'],
  duplicates: [
    'holdfast_queue_duplicates_total',
    'Enqueues that found their idempotency key taken',
  ],
  started: ['holdfast_queue_started_total', 'Attempts begun by this process'],
  completed: ['holdfast_queue_completed_total', 'Tasks completed by this process'],
  failed: [
    'holdfast_queue_failed_total',
    'Attempts that failed in this process and will be repeated',
  ],
  dead: ['holdfast_queue_dead_total', 'Tasks that failed for good in this process'],
  lost: ['holdfast_queue_lost_total', 'Leases that this process lost'],
  released: ['holdfast_queue_released_total', 'Tasks that this process handed back'],
} as const;

/**
 * Registers observable instruments for a queue: counters read plain fields, gauges ask the store. Costs nothing
 * until a meter provider collects. Returns what unregisters them.
 */
export function observeQueue(
  queue: string,
  store: Pick<QueueStore, 'stats'>,
  counters: QueueCounters,
): () => void {
  const meter = metrics.getMeter('@holdfast/queue', VERSION);
  const stops: (() => void)[] = [];
  for (const [field, [name, description]] of Object.entries(COUNTERS)) {
    const instrument = meter.createObservableCounter(name, { description });
    const read = (result: ObservableResult): void =>
      result.observe(counters[field as keyof QueueCounters], { queue });
    instrument.addCallback(read);
    stops.push(() => instrument.removeCallback(read));
  }
  const fresh = cachedStats(queue, store);
  const depth = meter.createObservableGauge('holdfast_queue_tasks', {
    description: 'Tasks by state',
  });
  const readDepth = async (result: ObservableResult): Promise<void> => {
    const stats = await fresh();
    for (const [state, count] of Object.entries(stats?.counts ?? {}))
      result.observe(count, { queue, state });
  };
  const age = meter.createObservableGauge('holdfast_queue_oldest_ready_age_seconds', {
    description: 'How long the task ready longest has been due',
    unit: 's',
  });
  const readAge = async (result: ObservableResult): Promise<void> => {
    const stats = await fresh();
    if (stats === undefined) return;
    const since = stats.oldestReadyAt ?? stats.now;
    result.observe(Math.max(0, stats.now - since) / 1000, { queue });
  };
  depth.addCallback(readDepth);
  age.addCallback(readAge);
  stops.push(
    () => depth.removeCallback(readDepth),
    () => age.removeCallback(readAge),
  );
  return () => {
    for (const stop of stops.splice(0)) stop();
  };
}

/** A store that does not answer leaves a gap in the gauges rather than failing the whole collection. */
function cachedStats(
  queue: string,
  store: Pick<QueueStore, 'stats'>,
): () => Promise<QueueStats | undefined> {
  let at = Number.NEGATIVE_INFINITY;
  let value: Promise<QueueStats | undefined> = Promise.resolve(undefined);
  return () => {
    const now = performance.now();
    if (now - at >= FRESH_MS) {
      at = now;
      value = store.stats([queue]).then(
        ([stats]) => stats,
        () => undefined,
      );
    }
    return value;
  };
}
