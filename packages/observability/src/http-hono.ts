import { context } from '@opentelemetry/api';
import { type ExchangeObserver, UNMATCHED_ROUTE } from './http-exchange.js';
import { type HeaderRecord, REQUEST_ID_HEADER } from './request-id.js';

/** A route that matched a request, as Hono lists it. */
export interface HonoRouteLike {
  /** `ALL` for middleware. */
  readonly method: string;
  /** Pattern of the path. */
  readonly path: string;
}

/** The part of Hono's request that is read here. */
export interface HonoRequestLike {
  /** Method of the request. */
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  /** The whole address. */
  readonly url: string;
  /** Pattern of the route that answered. */
  readonly routePath?: string;
  /** All routes that matched, in the order of their registration. */
  readonly matchedRoutes?: readonly HonoRouteLike[];
  /** A header by its name. */
  header(name: string): string | undefined;
}

/** The part of Hono's response that is read here. */
export interface HonoResponseLike {
  /** HTTP status. */
  readonly status: number;
}

/** The part of Hono's context that is read and written here. */
export interface HonoContextLike {
  /** The request. */
  readonly req: HonoRequestLike;
  /** The response, once there is one. */
  readonly res: HonoResponseLike;
  /** What a handler threw. */
  readonly error?: unknown;
  /** Sets a header of the response. */
  header(name: string, value: string): void;
}

/** A middleware for Hono: `app.use(http.hono)`, before everything else. */
export type HonoMiddleware = (c: HonoContextLike, next: () => Promise<void>) => Promise<void>;

const READ_HEADERS = ['x-request-id', 'traceparent', 'tracestate', 'baggage'];

/** Makes the middleware. The exchange ends when the handler has made its response; a streamed body is not waited for. */
export function honoMiddleware(observer: ExchangeObserver): HonoMiddleware {
  return async (c, next) => {
    const exchange = observer.begin({
      method: c.req.method,
      path: c.req.path,
      scheme: c.req.url.startsWith('https:') ? 'https' : 'http',
      headers: readHeaders(c),
    });
    try {
      await context.with(exchange.context, next);
      // after the handler: a Response made by hand does not take over headers that were set before
      c.header(REQUEST_ID_HEADER, exchange.requestId);
    } catch (error) {
      exchange.end({ status: 500, route: routeOf(c, 500), error });
      throw error;
    }
    const { status } = c.res;
    const error = status >= 500 ? c.error : undefined;
    exchange.end({ status, route: routeOf(c, status), ...(error === undefined ? {} : { error }) });
  };
}

function readHeaders(c: HonoContextLike): HeaderRecord {
  const headers: Record<string, string | undefined> = {};
  for (const name of READ_HEADERS) headers[name] = c.req.header(name);
  return headers;
}

/**
 * The path of the route: the most special handler that matched, even when a middleware answered for it (401). With
 * none, what matched is middleware, and a 404 belongs to no route.
 */
function routeOf(c: HonoContextLike, status: number): string | undefined {
  const handlers = c.req.matchedRoutes?.filter(({ method }) => method !== 'ALL') ?? [];
  return handlers.at(-1)?.path ?? (status === 404 ? UNMATCHED_ROUTE : c.req.routePath);
}
