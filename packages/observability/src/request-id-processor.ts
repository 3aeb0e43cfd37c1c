import type { Context } from '@opentelemetry/api';
import type { Span, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { currentRequestId, REQUEST_ID_BAGGAGE } from './request-id.js';

/** Writes the request id on every span made within a request, so that traces can be found by it. */
export class RequestIdProcessor implements SpanProcessor {
  onStart(span: Span, parent: Context): void {
    const id = currentRequestId(parent);
    if (id !== undefined) span.setAttribute(REQUEST_ID_BAGGAGE, id);
  }

  onEnd(): void {}

  forceFlush(): Promise<void> {
    return Promise.resolve();
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}
