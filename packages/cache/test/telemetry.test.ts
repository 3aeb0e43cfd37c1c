import { metrics, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, expect, it } from 'vitest';
import { createCache, memoryStore } from '../src/index.js';

const spans = new InMemorySpanExporter();
trace.setGlobalTracerProvider(
  new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }),
);
const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const provider = new MeterProvider({
  readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000 })],
});
metrics.setGlobalMeterProvider(provider);
afterAll(() => provider.shutdown());

/** The newest value of each metric of a cache, by name and labels. */
async function collect(namespace: string): Promise<Record<string, number>> {
  exporter.reset();
  await provider.forceFlush();
  const values: Record<string, number> = {};
  const scopes = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
  for (const { descriptor, dataPoints } of scopes.flatMap((scope) => scope.metrics)) {
    for (const { attributes, value } of dataPoints) {
      const { namespace: of, ...labels } = attributes;
      const name = [descriptor.name, ...Object.values(labels)].join(' ');
      if (of === namespace) values[name] = value as number;
    }
  }
  return values;
}

it('offers the statistics of every cache as metrics, until it is closed', async () => {
  const one = createCache({ namespace: 'one', l2: memoryStore(), l1: { maxBytes: 10_000 } });
  const two = createCache({ namespace: 'two' });
  await one.getOrSet('k', () => 1);
  await one.getOrSet('k', () => 1);
  await two.getOrSet('k', () => Promise.reject(new Error('fails'))).catch(() => undefined);
  expect(await collect('one')).toMatchObject({
    'holdfast_cache_hits_total l1': 1,
    'holdfast_cache_misses_total l1': 1,
    'holdfast_cache_misses_total l2': 1,
    'holdfast_cache_entries l1': 1,
    'holdfast_cache_loads_total success': 1,
    'holdfast_cache_tier_up l2': 1,
  });
  const other = await collect('two');
  expect(other).toMatchObject({ 'holdfast_cache_loads_total error': 1 });
  expect(Object.keys(other)).not.toContain('holdfast_cache_tier_up l2');
  await one.namespace('inner').getOrSet('k', () => 1);
  const inner = Object.keys(await collect('one/inner'));
  expect(inner).toContain('holdfast_cache_misses_total l2');
  // The tier is the one of the cache it is in: told once.
  expect(inner).not.toContain('holdfast_cache_tier_up l2');
  await one.namespace('inner').close();
  let asked = 0;
  one.stats = () => {
    asked += 1;
    throw new Error('closed caches are not asked');
  };
  await one.close();
  await two.close();
  await collect('one');
  expect(asked).toBe(0);
});

it('makes a span of each factory run, and none of a hit', async () => {
  spans.reset();
  const cache = createCache({ namespace: 'spans' });
  await cache.getOrSet('k', () => 1);
  await cache.getOrSet('k', () => 1);
  await cache.getOrSet('x', () => Promise.reject(new RangeError('no'))).catch(() => undefined);
  expect(
    spans.getFinishedSpans().map(({ name, attributes, status }) => [name, attributes, status.code]),
  ).toEqual([
    ['cache load', { 'holdfast.cache.namespace': 'spans' }, SpanStatusCode.UNSET],
    [
      'cache load',
      { 'holdfast.cache.namespace': 'spans', 'error.type': 'RangeError' },
      SpanStatusCode.ERROR,
    ],
  ]);
});
