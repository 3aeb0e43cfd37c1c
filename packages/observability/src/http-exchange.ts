import {
  type Context,
  context,
  type Histogram,
  metrics,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Logger } from './logger.js';
import { contextFromHeaders, currentRequestId, type HeaderRecord } from './request-id.js';
import { silentLogger } from './silent-logger.js';
import { PACKAGE_NAME, PACKAGE_VERSION } from './version.js';

/** The route under which requests are counted that no route took. */
export const UNMATCHED_ROUTE = 'unmatched';

/** Status that stands for a client that went away before the answer was complete (nginx uses the same). */
export const CLIENT_CLOSED = 499;

const MAX_LOGGED_CHARS = 512;
const METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'CONNECT',
  'TRACE',
]);

/** What an HTTP request says about itself. */
export interface RequestFacts {
  readonly method: string;
  /** Path without the query, which may hold secrets. */
  readonly path: string;
  readonly scheme: 'http' | 'https';
  readonly headers: HeaderRecord;
}

/** How an exchange ended. */
export interface ExchangeEnd {
  readonly status: number;
  readonly route: string | undefined;
  readonly error?: unknown;
}

/** Observes HTTP exchanges, whatever serves them: context, server span, metrics and one log line each. */
export class ExchangeObserver {
  readonly #logger: Logger;
  readonly #quiet: ReadonlySet<string>;
  readonly #tracer: Tracer = trace.getTracer(PACKAGE_NAME, PACKAGE_VERSION);
  readonly #durations: Histogram;
  #active = 0;

  constructor(logger: Logger | undefined, quietRoutes: readonly string[]) {
    this.#logger = logger ?? silentLogger;
    this.#quiet = new Set(quietRoutes);
    const meter = metrics.getMeter(PACKAGE_NAME, PACKAGE_VERSION);
    this.#durations = meter.createHistogram('http_server_request_duration_seconds', {
      description: 'Time from the request to the end of its response.',
    });
    meter
      .createObservableGauge('http_server_active_requests', {
        description: 'Requests being served.',
      })
      .addCallback((result) => result.observe(this.#active));
  }

  /** Begins an exchange: its context is to be active while the request is served. */
  begin(facts: RequestFacts): Exchange {
    this.#active += 1;
    const parent = contextFromHeaders(
      context.active(),
      facts.headers,
      facts.headers['x-request-id'],
    );
    const method = METHODS.has(facts.method) ? facts.method : '_OTHER';
    const span = this.#tracer.startSpan(
      method,
      {
        kind: SpanKind.SERVER,
        attributes: {
          'http.request.method': method,
          'url.path': facts.path.slice(0, MAX_LOGGED_CHARS),
          'url.scheme': facts.scheme,
        },
      },
      parent,
    );
    return new Exchange(this, facts, method, span, trace.setSpan(parent, span));
  }

  /** Records a finished exchange. */
  record(exchange: Exchange, end: ExchangeEnd, seconds: number): void {
    this.#active -= 1;
    const { method, span, path } = exchange;
    const route = end.route ?? UNMATCHED_ROUTE;
    this.#durations.record(seconds, { method, route, status: end.status });
    endSpan(span, method, end);
    const { traceId, spanId } = span.spanContext();
    const fields = {
      method,
      path: path.slice(0, MAX_LOGGED_CHARS),
      route,
      status: end.status,
      duration_ms: Math.round(seconds * 1e6) / 1e3,
      request_id: exchange.requestId,
      trace_id: traceId,
      span_id: spanId,
      ...(end.error === undefined ? {} : { err: end.error }),
    };
    if (end.status >= 500 || end.error !== undefined)
      this.#logger.error(fields, 'request completed');
    else if (this.#quiet.has(route)) this.#logger.debug(fields, 'request completed');
    else this.#logger.info(fields, 'request completed');
  }
}

function endSpan(span: Span, method: string, end: ExchangeEnd): void {
  if (end.route !== undefined) {
    span.updateName(`${method} ${end.route}`);
    span.setAttribute('http.route', end.route);
  }
  span.setAttribute('http.response.status_code', end.status);
  if (end.error instanceof Error) span.recordException(end.error);
  if (end.status >= 500) {
    span.setAttribute('error.type', end.error instanceof Error ? end.error.name : `${end.status}`);
    span.setStatus({ code: SpanStatusCode.ERROR });
  } else if (end.status === CLIENT_CLOSED) {
    span.setAttribute('error.type', 'client_closed');
  }
  span.end();
}

/** One request and its response. */
export class Exchange {
  readonly #observer: ExchangeObserver;
  readonly #startedAt = performance.now();
  readonly path: string;
  readonly method: string;
  readonly span: Span;
  /** The context of the request; finish handlers need this one, for events may fire in another request's context. */
  readonly context: Context;
  readonly requestId: string;
  #ended = false;

  constructor(
    observer: ExchangeObserver,
    facts: RequestFacts,
    method: string,
    span: Span,
    active: Context,
  ) {
    this.#observer = observer;
    this.path = facts.path;
    this.method = method;
    this.span = span;
    this.context = active;
    this.requestId = currentRequestId(active) ?? '';
  }

  /** Ends the exchange; later calls do nothing. Never throws. */
  end(end: ExchangeEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#observer.record(this, end, (performance.now() - this.#startedAt) / 1_000);
    } catch {
      // a logger or processor that throws must not fail a request that was served
    }
  }
}
