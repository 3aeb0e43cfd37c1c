import { type Context, context, propagation } from '@opentelemetry/api';
import { installContext } from './context-manager.js';
import { uuidv7 } from './uuid.js';

/** The baggage entry under which the request id travels between processes. */
export const REQUEST_ID_BAGGAGE = 'request.id';

/** The HTTP header of the request id. */
export const REQUEST_ID_HEADER = 'X-Request-ID';

const WELL_FORMED = /^[A-Za-z0-9._:-]{1,128}$/;

/** Headers as Node and most libraries hold them, names in lower case. */
export type HeaderRecord = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Whether a value may be used as a request id: 1 to 128 characters of `A-Z a-z 0-9 . _ : -`. */
export function isRequestId(value: unknown): value is string {
  return typeof value === 'string' && WELL_FORMED.test(value);
}

/**
 * The request id of an `X-Request-ID` header when it is well formed (1 to 128 characters of
 * `A-Z a-z 0-9 . _ : -`), otherwise a new UUIDv7.
 * A repeated header is not well formed: nobody could say which one counts.
 */
export function requestIdFrom(header: unknown): string {
  return isRequestId(header) ? header : uuidv7();
}

/** The request id of a context, by default the active one; undefined outside of a request. */
export function currentRequestId(of: Context = context.active()): string | undefined {
  return propagation.getBaggage(of)?.getEntry(REQUEST_ID_BAGGAGE)?.value;
}

/** A context with the request id in its baggage. */
export function withRequestId(parent: Context, requestId: string): Context {
  const baggage = propagation.getBaggage(parent) ?? propagation.createBaggage();
  return propagation.setBaggage(parent, baggage.setEntry(REQUEST_ID_BAGGAGE, { value: requestId }));
}

/**
 * The context that a message's headers describe: trace parent and baggage by the registered propagator, and a request
 * id, taken from `requestId` or else from the baggage when well formed, or else made.
 */
export function contextFromHeaders(
  parent: Context,
  headers: HeaderRecord,
  requestId: unknown,
): Context {
  const extracted = propagation.extract(parent, headers, {
    get: (carrier, key) => {
      const value = carrier[key];
      return typeof value === 'string' || value === undefined ? value : [...value];
    },
    keys: (carrier) => Object.keys(carrier),
  });
  const id = isRequestId(requestId) ? requestId : currentRequestId(extracted);
  return withRequestId(extracted, requestIdFrom(id));
}

/** What {@link withRequestContext} continues. */
export interface RequestContextOptions {
  /**
   * Id of the request; a malformed one is replaced.
   * @defaultValue the one in the baggage of `headers`, else that of the active context, else a new UUIDv7
   */
  requestId?: string;
  /**
   * Where `traceparent`, `tracestate` and `baggage` are read from (header names in lower case): the stored headers of
   * a task, an outbox row or an event.
   * @defaultValue none: the active context goes on
   */
  headers?: HeaderRecord;
}

/**
 * Runs `fn` as part of a request: every log line and span made in it, through every `await`, timer and event handler,
 * carries the request id. For work that does not come in by HTTP: scheduled jobs, consumers, commands.
 */
export function withRequestContext<T>(options: RequestContextOptions, fn: () => T): T {
  installContext();
  const active = contextFromHeaders(context.active(), options.headers ?? {}, options.requestId);
  return context.with(active, fn);
}
