import { context, metrics, trace } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import {
  createLogger,
  memorySpanExporter,
  type SpanExporter,
  startTelemetry,
  type Telemetry,
  type TelemetryOptions,
  withRequestContext,
} from '../src/index.js';
import { memoryLines } from './support/lines.js';
import { parsePrometheus, sampleOf } from './support/parse-prometheus.js';

let telemetry: Telemetry | undefined;

afterEach(async () => {
  await telemetry?.close({ deadline: 100 });
  telemetry = undefined;
});

function start(options: Partial<TelemetryOptions> = {}) {
  const memory = memoryLines();
  const logger = createLogger({
    service: 'shop',
    destination: memory.destination,
    logCrash: false,
  });
  telemetry = startTelemetry({ service: 'shop', logger, ...options });
  return { telemetry, ...memory };
}

const tracer = () => trace.getTracer('test', '1.0.0');

it('hands spans to the exporters with the service as resource and the request id on each span', async () => {
  const spans = memorySpanExporter();
  start({ exporters: [spans], version: '1.2.3', environment: 'test', attributes: { zone: 'a' } });
  await withRequestContext({ requestId: 'r1' }, async () => {
    await tracer().startActiveSpan('outer', async (outer) => {
      await null;
      tracer().startSpan('inner').end();
      outer.end();
    });
  });
  await telemetry?.flush();
  const [inner, outer] = spans.spans();
  expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
  expect(inner?.attributes).toEqual({ 'request.id': 'r1' });
  expect(outer?.resource.attributes).toEqual({
    'service.name': 'shop',
    'service.version': '1.2.3',
    'deployment.environment.name': 'test',
    zone: 'a',
  });
  expect(telemetry?.spanCounts()).toEqual({ exported: 2, failed: 0 });
});

it('samples new traces by ratio and keeps the decision of traces begun elsewhere', async () => {
  const spans = memorySpanExporter();
  start({ exporters: [spans], sampleRatio: 0 });
  tracer().startSpan('not recorded').end();
  const remote = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1, isRemote: true };
  tracer().startSpan('recorded', {}, trace.setSpanContext(context.active(), remote)).end();
  await telemetry?.flush();
  expect(spans.spans().map(({ name }) => name)).toEqual(['recorded']);
});

it('keeps the most recent spans in memory', async () => {
  const spans = memorySpanExporter({ capacity: 3 });
  start({ exporters: [spans] });
  for (let n = 0; n < 10; n += 1) tracer().startSpan(`s${n}`).end();
  await telemetry?.flush();
  expect(spans.spans().map(({ name }) => name)).toEqual(['s7', 's8', 's9']);
  spans.clear();
  expect(spans.spans()).toEqual([]);
});

it('is not disturbed by exporters that throw, fail or hang: it counts, logs once, and closes in time', async () => {
  const throwing: SpanExporter = {
    export: () => {
      throw new Error('exporter is broken');
    },
    shutdown: () => Promise.reject(new Error('and stays so')),
  };
  const failing: SpanExporter = {
    export: (_spans, done) => done({ code: ExportResultCode.FAILED, error: new Error('refused') }),
    shutdown: () => Promise.resolve(),
  };
  const hanging: SpanExporter = { export: () => {}, shutdown: () => new Promise(() => {}) };
  const { telemetry: running, lines } = start({ exporters: [throwing, failing, hanging] });
  for (let n = 0; n < 3; n += 1) tracer().startSpan('s').end();
  const report = await running.close({ deadline: 50 });
  expect(report.drained).toBe(false);
  expect(report.durationMs).toBeLessThan(5_000);
  expect(running.spanCounts()).toEqual({ exported: 0, failed: 6 });
  const warnings = lines().filter(({ msg }) => msg === 'spans could not be exported');
  expect(warnings).toMatchObject([
    { err: { message: 'exporter is broken' } },
    { err: { message: 'refused' } },
  ]);
});

it('flushes what is left when it closes, and starts anew afterwards', async () => {
  const spans = memorySpanExporter();
  const { telemetry: first } = start({ exporters: [spans] });
  tracer().startSpan('last').end();
  expect(await first.close()).toMatchObject({ drained: true });
  expect(await first.close()).toMatchObject({ drained: true });
  expect(spans.spans().map(({ name }) => name)).toEqual(['last']);
  expect(await first.prometheusText()).toBe('');
  start({ exporters: [spans] });
  tracer().startSpan('again').end();
  await telemetry?.flush();
  expect(spans.spans().map(({ name }) => name)).toEqual(['last', 'again']);
});

it('refuses to start twice, and wrong options', async () => {
  start();
  expect(() => startTelemetry({ service: 'b' })).toThrow(
    expect.objectContaining({ code: 'OBSERVABILITY_TELEMETRY_CONFLICT' }),
  );
  expect(() => startTelemetry({ service: 'b', sampleRatio: 2 })).toThrow(/`sampleRatio`.*got 2/);
  // @ts-expect-error not a duration
  expect(() => startTelemetry({ service: 'b', exportDelay: 'soon' })).toThrow(/`exportDelay`/);
});

it('exposes metrics under the names they were given', async () => {
  const { telemetry: running } = start();
  const meter = metrics.getMeter('test');
  meter
    .createCounter('orders_total', { description: 'Orders\nby \\kind' })
    .add(3, { kind: 'a "b"\\\n' });
  meter.createUpDownCounter('orders.open', { unit: 's' }).add(-2);
  meter.createObservableGauge('temperature').addCallback((result) => {
    result.observe(21.5, { room: 'a' });
    result.observe(Number.NaN, { room: 'b' });
  });
  const wait = meter.createHistogram('wait_seconds', { unit: 's' });
  for (const seconds of [0.003, 0.2, 70]) wait.record(seconds);
  meter
    .createHistogram('size_bytes', { advice: { explicitBucketBoundaries: [10, 20] } })
    .record(15);
  const families = parsePrometheus(await running.prometheusText());
  expect(families.get('orders_total')).toEqual({
    type: 'counter',
    help: 'Orders\\nby \\\\kind',
    samples: [{ name: 'orders_total', labels: { kind: 'a "b"\\\n' }, value: 3 }],
  });
  expect(families.get('orders_open')).toMatchObject({ type: 'gauge', samples: [{ value: -2 }] });
  expect(families.get('temperature')?.samples.map(({ value }) => value)).toEqual([
    21.5,
    Number.NaN,
  ]);
  expect(families.get('wait_seconds')?.type).toBe('histogram');
  expect(sampleOf(families, 'wait_seconds_bucket', { le: '0.005' })).toBe(1);
  expect(sampleOf(families, 'wait_seconds_bucket', { le: '0.25' })).toBe(2);
  expect(sampleOf(families, 'wait_seconds_bucket', { le: '30' })).toBe(2);
  expect(sampleOf(families, 'wait_seconds_bucket', { le: '+Inf' })).toBe(3);
  expect(sampleOf(families, 'wait_seconds_count')).toBe(3);
  expect(sampleOf(families, 'wait_seconds_sum')).toBeCloseTo(70.203);
  expect(sampleOf(families, 'size_bytes_bucket', { le: '20' })).toBe(1);
});

it('gathers series beyond the limit in one whose labels are `other`, and warns once', async () => {
  const { telemetry: running, lines } = start({ maxSeries: 10 });
  const counter = metrics.getMeter('test').createCounter('visits_total');
  for (let n = 0; n < 50; n += 1) counter.add(1, { user: `u${n}`, page: '/' });
  for (let scrape = 0; scrape < 2; scrape += 1) {
    const visits = parsePrometheus(await running.prometheusText()).get('visits_total');
    expect(visits?.samples).toHaveLength(10);
    expect(visits?.samples.find(({ labels }) => labels.user === 'other')).toMatchObject({
      labels: { page: 'other', user: 'other' },
      value: 41,
    });
  }
  expect(lines().filter(({ metric }) => metric === 'visits_total')).toHaveLength(1);
});

it('joins two meters that use one name, and leaves out one of another type with a warning', async () => {
  const { telemetry: running, lines } = start();
  metrics.getMeter('a').createCounter('jobs_total').add(1, { queue: 'q' });
  metrics.getMeter('b').createCounter('jobs_total').add(2, { queue: 'q' });
  metrics
    .getMeter('c')
    .createObservableGauge('jobs_total')
    .addCallback((r) => r.observe(9));
  const families = parsePrometheus(await running.prometheusText());
  expect(families.get('jobs_total')).toMatchObject({ type: 'counter', samples: [{ value: 3 }] });
  expect(lines().some(({ metric }) => metric === 'jobs_total')).toBe(true);
});

it('stays readable for any label and when a callback throws', async () => {
  const { telemetry: running } = start({ maxSeries: 100_000 });
  const counter = metrics.getMeter('test').createCounter('anything_total');
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string({ unit: 'binary' })), (labels) =>
      counter.add(1, labels),
    ),
    { numRuns: 50 },
  );
  metrics
    .getMeter('test')
    .createObservableGauge('bad')
    .addCallback(() => {
      throw new Error('no value');
    });
  const families = parsePrometheus(await running.prometheusText());
  const total = families.get('anything_total')?.samples.reduce((sum, { value }) => sum + value, 0);
  expect(total).toBe(50);
});

it('shows the process and its event loop', async () => {
  const { telemetry: running } = start();
  const families = parsePrometheus(await running.prometheusText());
  expect(sampleOf(families, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
  expect(sampleOf(families, 'process_cpu_seconds_total')).toBeGreaterThan(0);
  expect(sampleOf(families, 'process_start_time_seconds')).toBeGreaterThan(1.7e9);
  expect(
    sampleOf(families, 'nodejs_eventloop_lag_seconds', { stat: 'p99' }),
  ).toBeGreaterThanOrEqual(0);
  expect(running.runtime().eventLoopUtilization).toBeGreaterThanOrEqual(0);
  await running.close();
  const { telemetry: without } = start({ runtimeMetrics: false });
  expect(await without.prometheusText()).not.toContain('process_');
});
