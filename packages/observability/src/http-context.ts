import type { IncomingMessage, ServerResponse } from 'node:http';
import { installContext } from './context-manager.js';
import { ExchangeObserver } from './http-exchange.js';
import { type HonoMiddleware, honoMiddleware } from './http-hono.js';
import {
  expressRoute,
  type NodeHandler,
  type NodeMiddleware,
  type NodeRoute,
  nodeMiddleware,
  wrapNode,
} from './http-node.js';
import type { Logger } from './logger.js';

/** Options of {@link httpContext}. */
export interface HttpContextOptions {
  /** Gets one line "request completed" a request. @defaultValue silent */
  logger?: Logger;
  /**
   * Names the route of a request on Node's own server, from a set known in advance (`/users/:id`): it is a metric
   * label. Hono's routes are known without it.
   * @defaultValue Express's route, else `unmatched`
   */
  route?: NodeRoute;
  /**
   * Routes whose successful requests are logged at level debug.
   * @defaultValue `['/health/live', '/health/ready', '/metrics']`
   */
  quietRoutes?: readonly string[];
}

/** One observer of HTTP requests in the shapes that servers take. */
export interface HttpContext {
  /**
   * Wraps a handler for `createServer`. A handler that throws or rejects is answered with 500 and logged with its
   * error.
   */
  node(handler: NodeHandler): (request: IncomingMessage, response: ServerResponse) => void;
  /** For Express, Connect and other `(request, response, next)` servers; put it first. */
  readonly middleware: NodeMiddleware;
  /** For Hono; put it first: `app.use(http.hono)`. */
  readonly hono: HonoMiddleware;
}

/**
 * Gives each HTTP request its context: takes or makes the `X-Request-ID` and returns it, continues `traceparent`,
 * `tracestate` and `baggage`, makes the server span, records duration by method, route and status, and logs one line.
 * Make it after `startTelemetry`.
 */
export function httpContext(options: HttpContextOptions = {}): HttpContext {
  installContext();
  const observer = new ExchangeObserver(
    options.logger,
    options.quietRoutes ?? ['/health/live', '/health/ready', '/metrics'],
  );
  const route = options.route ?? expressRoute;
  return {
    node: (handler) => wrapNode(observer, route, handler),
    middleware: nodeMiddleware(observer, route),
    hono: honoMiddleware(observer),
  };
}
