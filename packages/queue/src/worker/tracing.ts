import { type Context, propagation, ROOT_CONTEXT, type Span } from '@opentelemetry/api';
import type { ClaimedTask } from '../store.js';
import { attemptSpan, batchSpan, isTracing } from '../telemetry.js';

/** A span, where there is an SDK to take it, and the context a handler runs in. */
export interface Traced {
  readonly span: Span | undefined;
  readonly context: Context;
}

const NOTHING: Traced = { span: undefined, context: ROOT_CONTEXT };

/** The span of one attempt; the producer's baggage is in its context either way. */
export function traceAttempt(task: ClaimedTask): Traced {
  if (isTracing()) return attemptSpan(task);
  const { headers } = task;
  if (isEmpty(headers)) return NOTHING;
  return { span: undefined, context: propagation.extract(ROOT_CONTEXT, headers) };
}

/** The span of one call of a batch handler. */
export function traceBatch(tasks: readonly ClaimedTask[]): Traced {
  return isTracing() ? batchSpan(tasks) : NOTHING;
}

function isEmpty(headers: Readonly<Record<string, string>>): boolean {
  for (const _ in headers) return false;
  return true;
}
