import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';

/** A span as it was recorded. */
export interface RecordedSpan {
  name: string;
  parent: string | undefined;
  attributes: Attributes;
  ended: boolean;
  failed: boolean;
}

/** The least that records spans with their parents: an SDK would be a dependency for four tests. */
export class RecordingTracing {
  readonly spans: RecordedSpan[] = [];
  readonly #names = new WeakMap<Span, string>();

  install(): void {
    const storage = new AsyncLocalStorage<Context>();
    context.setGlobalContextManager({
      active: () => storage.getStore() ?? ROOT_CONTEXT,
      with: (active, fn, thisArg, ...args) => storage.run(active, () => fn.apply(thisArg, args)),
      bind: (_, target) => target,
      enable() {
        return this;
      },
      disable() {
        return this;
      },
    });
    trace.setGlobalTracerProvider({ getTracer: () => this.#tracer() });
  }

  uninstall(): void {
    trace.disable();
    context.disable();
  }

  #tracer(): Tracer {
    const startSpan = (name: string, options?: SpanOptions, parent = context.active()): Span =>
      this.#start(name, options, trace.getSpan(parent));
    return {
      startSpan,
      startActiveSpan: (name: string, ...rest: unknown[]) => {
        const fn = rest.at(-1) as (span: Span) => unknown;
        const span = startSpan(name);
        return context.with(trace.setSpan(context.active(), span), () => fn(span)) as never;
      },
    };
  }

  #start(name: string, options: SpanOptions | undefined, parent: Span | undefined): Span {
    const record: RecordedSpan = {
      name,
      parent: parent === undefined ? undefined : this.#names.get(parent),
      attributes: { ...options?.attributes },
      ended: false,
      failed: false,
    };
    this.spans.push(record);
    const span: Span = {
      spanContext: () => ({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }),
      setAttribute: (key, value) => {
        record.attributes[key] = value;
        return span;
      },
      setAttributes: () => span,
      addEvent: () => span,
      addLink: () => span,
      addLinks: () => span,
      setStatus: ({ code }) => {
        record.failed = code === SpanStatusCode.ERROR;
        return span;
      },
      updateName: () => span,
      end: () => {
        record.ended = true;
      },
      isRecording: () => !record.ended,
      recordException: () => {},
    };
    this.#names.set(span, name);
    return span;
  }
}
