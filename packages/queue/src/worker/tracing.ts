import { type Context, propagation, ROOT_CONTEXT, type Span } from '@opentelemetry/api';
import type { ClaimedTask } from '../store.js';
import { attemptSpan, batchSpan, isTracing } from '../telemetry.js';

/** A span, where there is an SDK to take it, and the context a handler runs in. */
export interface Traced {
  readonly span: Span | undefined;
  readonly context: Context;
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
