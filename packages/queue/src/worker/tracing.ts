import {
  type Context,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  trace,
} from '@opentelemetry/api';
import type { ClaimedTask } from '../store.js';
import { attemptSpan, batchSpan } from '../telemetry.js';
import { VERSION } from '../version.js';

/** A span, where there is an SDK to take it, and the context a handler runs in. */
export interface Traced {
  readonly span: Span | undefined;
  readonly context: Context;
}

/** Whether anybody takes spans: without an SDK the cheapest span is none. */
function isTracing(): boolean {
  const provider = trace.getTracerProvider();
  if (!(provider instanceof ProxyTracerProvider)) return true;
  return provider.getDelegateTracer('@holdfast/queue', VERSION) !== undefined;
}

/** The span of one attempt; the producer's baggage is in its context either way. */
export function traceAttempt(task: ClaimedTask): Traced {
  if (isTracing()) return attemptSpan(task);
  return { span: undefined, context: propagation.extract(ROOT_CONTEXT, task.headers) };
}

/** The span of one call of a batch handler. */
export function traceBatch(tasks: readonly ClaimedTask[]): Traced {
  return isTracing() ? batchSpan(tasks) : { span: undefined, context: ROOT_CONTEXT };
}
