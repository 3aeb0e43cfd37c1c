import { createRequire } from 'node:module';
import {
  type Attributes,
  type BatchObservableResult,
  metrics,
  type Observable,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { CacheStats, L2Stats } from './stats.js';

const NAME = '@holdfast/cache';
const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
const tracer = trace.getTracer(NAME, version);

/** Runs a factory within a span. */
export function traceLoad<T>(namespace: string, load: () => Promise<T>): Promise<T> {
  const attributes = { 'holdfast.cache.namespace': namespace };
  return tracer.startActiveSpan('cache load', { attributes }, async (span) => {
    try {
      return await load();
    } catch (err) {
      span.setAttribute('error.type', err instanceof Error ? err.name : typeof err);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw err;
    } finally {
      span.end();
    }
  });
}

/** How one metric is read from the statistics of a cache. */
interface Reading {
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  readonly description: string;
  /** Of the tier that a cache shares with the namespaces nested in it: told once, for the cache. */
  readonly shared?: true;
  read(stats: CacheStats): readonly (readonly [value: number | undefined, labels: Attributes])[];
}

const L1 = { tier: 'l1' };
const L2 = { tier: 'l2' };
const L3 = { tier: 'l3' };

const READINGS: readonly Reading[] = [
  {
    name: 'holdfast_cache_hits_total',
    kind: 'counter',
    description: 'Reads that the tier answered',
    read: ({ l1, l2, l3 }) => [
      [l1?.hits, L1],
      [l2?.hits, L2],
      [l3?.hits, L3],
    ],
  },
  {
    name: 'holdfast_cache_misses_total',
    kind: 'counter',
    description: 'Reads that the tier could not answer',
    read: ({ l1, l2, l3 }) => [
      [l1?.misses, L1],
      [l2?.misses, L2],
      [l3?.misses, L3],
    ],
  },
  {
    name: 'holdfast_cache_entries',
    kind: 'gauge',
    description: 'Entries in the tier',
    read: ({ l1 }) => [[l1?.entries, L1]],
  },
  {
    name: 'holdfast_cache_size_bytes',
    kind: 'gauge',
    description: 'Estimated bytes of the entries, where the tier is limited by bytes',
    read: ({ l1 }) => [[l1?.maxBytes ? l1.bytes : undefined, L1]],
  },
  {
    name: 'holdfast_cache_evictions_total',
    kind: 'counter',
    description: 'Entries that left to make room',
    read: ({ l1 }) => [[l1?.evictions, L1]],
  },
  {
    name: 'holdfast_cache_expirations_total',
    kind: 'counter',
    description: 'Entries found at a read to have outlived their time',
    read: ({ l1 }) => [[l1?.expirations, L1]],
  },
  {
    name: 'holdfast_cache_never_read_total',
    kind: 'counter',
    description: 'Entries that left, or were replaced, without having answered a read',
    read: ({ l1 }) => [[l1?.neverRead, L1]],
  },
  {
    name: 'holdfast_cache_stale_total',
    kind: 'counter',
    description: 'Factory runs that were answered with a stale value',
    read: ({ loads }) => [[loads.stale, {}]],
  },
  {
    name: 'holdfast_cache_loads_total',
    kind: 'counter',
    description: 'Factory runs that ended, by outcome',
    read: ({ loads }) => [
      [loads.count - loads.errors - loads.running, { outcome: 'success' }],
      [loads.errors, { outcome: 'error' }],
    ],
  },
  {
    name: 'holdfast_cache_load_seconds_total',
    kind: 'counter',
    description: 'Time spent in factories',
    read: ({ loads }) => [[loads.totalMs / 1_000, {}]],
  },
  {
    name: 'holdfast_cache_errors_total',
    kind: 'counter',
    description: 'Operations on the tier that failed or took too long',
    shared: true,
    read: ({ l2, l3 }) => [
      [l2?.errors, L2],
      [l3?.errors, L3],
    ],
  },
  {
    name: 'holdfast_cache_tier_up',
    kind: 'gauge',
    description: '1 while the tier is in use, 0 while its circuit is open',
    shared: true,
    read: ({ l2, l3 }) => [
      [isUp(l2), L2],
      [isUp(l3), L3],
    ],
  },
  {
    name: 'holdfast_cache_awaiting_repair',
    kind: 'gauge',
    description: 'Keys whose change did not reach the tier yet',
    shared: true,
    read: ({ l2, l3 }) => [
      [l2?.awaitingRepair, L2],
      [l3?.awaitingRepair, L3],
    ],
  },
];

const isUp = (stats: L2Stats | null): number | undefined =>
  stats === null ? undefined : Number(stats.circuit === 'closed');

/**
 * Offers the statistics of a cache as observable metrics: nothing is counted twice, and nothing happens between
 * collections. Returns what ends it.
 * @param nested - whether it is a namespace within another
 */
export function observeCache(
  cache: { name: string; stats(): CacheStats },
  nested: boolean,
): () => void {
  const meter = metrics.getMeter(NAME, version);
  const instruments = READINGS.map(({ name, kind, description }): Observable => {
    return kind === 'counter'
      ? meter.createObservableCounter(name, { description })
      : meter.createObservableGauge(name, { description });
  });
  const observe = (result: BatchObservableResult): void => {
    const stats = cache.stats();
    READINGS.forEach((reading, i) => {
      const instrument = nested && reading.shared ? undefined : instruments[i];
      for (const [value, labels] of reading.read(stats)) {
        if (value === undefined || instrument === undefined) continue;
        result.observe(instrument, value, { namespace: cache.name, ...labels });
      }
    });
  };
  meter.addBatchObservableCallback(observe, instruments);
  return () => meter.removeBatchObservableCallback(observe, instruments);
}
