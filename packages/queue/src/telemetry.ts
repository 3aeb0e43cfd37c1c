import {
  type Attributes,
  type Context,
  context,
  INVALID_TRACEID,
  type Link,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { errorType } from './errors.js';
import type { Latency } from './latency.js';
import type { ClaimedTask, EnqueueOutcome } from './store.js';
import { VERSION } from './version.js';

const tracer = (): Tracer => trace.getTracer('@holdfast/queue', VERSION);

/** Whether anybody takes spans: without an SDK the cheapest span is none. */
export function isTracing(): boolean {
  const provider = trace.getTracerProvider();
  if (!(provider instanceof ProxyTracerProvider)) return true;
  return provider.getDelegateTracer('@holdfast/queue', VERSION) !== undefined;
}

/** What is enqueued within a span. */
export type Enqueue<T> = (
  carrier: Readonly<Record<string, string>>,
  span: Span | undefined,
) => Promise<T>;

/** Runs `fn` in a producer span and measures it, where anybody takes that; its `carrier` has the span in headers. */
export function enqueueSpan<T>(
  queue: string,
  count: number,
  latency: Latency | undefined,
  fn: Enqueue<T>,
): Promise<T> {
  return latency === undefined
    ? produce(queue, count, fn)
    : latency.enqueuing(() => produce(queue, count, fn));
}

async function produce<T>(queue: string, count: number, fn: Enqueue<T>): Promise<T> {
  const carrier: Record<string, string> = {};
  if (!isTracing()) {
    propagation.inject(context.active(), carrier);
    return fn(carrier, undefined);
  }
  const attributes: Attributes = {
    'messaging.system': 'holdfast',
    'messaging.operation.type': 'send',
    'messaging.operation.name': 'enqueue',
    'messaging.destination.name': queue,
  };
  if (count !== 1) attributes['messaging.batch.message_count'] = count;
  const span = tracer().startSpan(`enqueue ${queue}`, { kind: SpanKind.PRODUCER, attributes });
  const active = trace.setSpan(context.active(), span);
  propagation.inject(active, carrier);
  try {
    return await context.with(active, () => fn(carrier, span));
  } catch (error) {
    fail(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Marks an enqueue's span with what it caused. */
export function markEnqueued(span: Span, outcomes: readonly EnqueueOutcome[]): void {
  const added = outcomes.filter(({ outcome }) => outcome === 'added');
  const [first] = added;
  if (first === undefined) return;
  span.setAttribute('holdfast.consequence', 'task.enqueued');
  span.setAttribute('holdfast.consequence.value', added.length);
  if (added.length === 1) span.setAttribute('messaging.message.id', first.id);
}

/** The span of one attempt and the context its handler runs in. */
export interface AttemptSpan {
  readonly span: Span;
  readonly context: Context;
}

/**
 * Starts the span of an attempt: a trace of its own, linked to the producer's, since an attempt may come hours later
 * and more than once. The producer's baggage (the request ID) is active in the handler.
 */
export function attemptSpan(task: ClaimedTask): AttemptSpan {
  const producer = propagation.extract(ROOT_CONTEXT, task.headers);
  const link = trace.getSpanContext(producer);
  const span = tracer().startSpan(
    `process ${task.queue}`,
    {
      kind: SpanKind.CONSUMER,
      links: link === undefined ? [] : [{ context: link }],
      attributes: {
        'messaging.system': 'holdfast',
        'messaging.operation.type': 'process',
        'messaging.operation.name': 'process',
        'messaging.destination.name': task.queue,
        'messaging.message.id': task.id,
        'holdfast.queue.task': task.name,
        'holdfast.queue.attempt': task.attempt,
      },
    },
    ROOT_CONTEXT,
  );
  return { span, context: withSpan(producer, span) };
}

/** Without an SDK there is no span to speak of, and a context costs more than the rest of an attempt. */
function withSpan(parent: Context, span: Span): Context {
  const none = span.spanContext().traceId === INVALID_TRACEID;
  return none ? parent : trace.setSpan(parent, span);
}

/** Starts the span of a call of a batch handler: a trace of its own, linked to every producer's. */
export function batchSpan(tasks: readonly ClaimedTask[]): AttemptSpan {
  const links: Link[] = [];
  for (const { headers } of tasks) {
    const link = trace.getSpanContext(propagation.extract(ROOT_CONTEXT, headers));
    if (link !== undefined) links.push({ context: link });
  }
  const queue = tasks[0]?.queue ?? '';
  const span = tracer().startSpan(
    `process ${queue}`,
    {
      kind: SpanKind.CONSUMER,
      links,
      attributes: {
        'messaging.system': 'holdfast',
        'messaging.operation.type': 'process',
        'messaging.operation.name': 'process',
        'messaging.destination.name': queue,
        'messaging.batch.message_count': tasks.length,
        'holdfast.queue.task': tasks[0]?.name ?? '',
      },
    },
    ROOT_CONTEXT,
  );
  return { span, context: withSpan(ROOT_CONTEXT, span) };
}

/** Marks a span as failed. */
export function fail(span: Span, error: unknown, type: string = errorType(error)): void {
  if (error instanceof Error) span.recordException(error);
  span.setAttribute('error.type', type);
  span.setStatus({
    code: SpanStatusCode.ERROR,
    message: error instanceof Error ? error.message : type,
  });
}
