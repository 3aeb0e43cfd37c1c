import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  trace,
} from '@opentelemetry/api';
import {
  CompositePropagator,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
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
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createQueue, createWorker, defineTask, handle, memoryStore } from '../src/index.js';

const spans = new InMemorySpanExporter();
const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const meters = new MeterProvider({
  readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
});
const task = defineTask('t', { retry: { attempts: 1 } });

beforeAll(() => {
  const storage = new AsyncLocalStorage<Context>();
  const manager: Parameters<typeof context.setGlobalContextManager>[0] = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, fn, self, ...args) => storage.run(active, () => fn.call(self as never, ...args)),
    bind: (_, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  context.setGlobalContextManager(manager);
  propagation.setGlobalPropagator(
    new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    }),
  );
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }),
  );
  metrics.setGlobalMeterProvider(meters);
});

afterAll(async () => {
  await meters.shutdown();
});

it('links an attempt to the span that enqueued it, and carries the baggage into the handler', async () => {
  const queue = createQueue('orders', { store: memoryStore() });
  let requestId: string | undefined;
  const done = new Promise((resolve) => queue.on('task.dead', resolve));
  const worker = createWorker(queue, [
    handle(task, () => {
      requestId = propagation.getActiveBaggage()?.getEntry('request.id')?.value;
      throw new RangeError('no');
    }),
  ]);
  await worker.start();
  const baggage = propagation.createBaggage({ 'request.id': { value: 'r-1' } });
  const { id } = await context.with(propagation.setBaggage(context.active(), baggage), () =>
    queue.enqueue(task, {}),
  );
  await done;
  await worker.close();
  const [enqueued, processed] = spans.getFinishedSpans();
  expect(enqueued).toMatchObject({
    name: 'enqueue orders',
    kind: SpanKind.PRODUCER,
    attributes: { 'messaging.message.id': id, 'holdfast.consequence': 'task.enqueued' },
  });
  expect(processed).toMatchObject({
    name: 'process orders',
    kind: SpanKind.CONSUMER,
    attributes: {
      'messaging.message.id': id,
      'error.type': 'RangeError',
      'holdfast.consequence': 'task.dead',
    },
  });
  expect(processed?.links[0]?.context.spanId).toBe(enqueued?.spanContext().spanId);
  expect(processed?.spanContext().traceId).not.toBe(enqueued?.spanContext().traceId);
  expect(requestId).toBe('r-1');
});

it('shows counters, depth and age when metrics are collected', async () => {
  const queue = createQueue('metered', { store: memoryStore() });
  await queue.enqueue(task, {}, { idempotencyKey: 'k' });
  await queue.enqueue(task, {}, { idempotencyKey: 'k' });
  await queue.enqueue(task, {}, { delay: '1h' });
  await meters.forceFlush();
  const points = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    .flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value }) => ({ name: descriptor.name, ...attributes, value })),
    );
  const value = (name: string, extra: object = {}): unknown =>
    points.find((point) =>
      expect.objectContaining({ name, queue: 'metered', ...extra }).asymmetricMatch(point),
    )?.value;
  expect(value('holdfast_queue_enqueued_total')).toBe(2);
  expect(value('holdfast_queue_duplicates_total')).toBe(1);
  expect(value('holdfast_queue_tasks', { state: 'ready' })).toBe(1);
  expect(value('holdfast_queue_tasks', { state: 'scheduled' })).toBe(1);
  expect(value('holdfast_queue_oldest_ready_age_seconds')).toBeGreaterThanOrEqual(0);
  await queue.close();
});
