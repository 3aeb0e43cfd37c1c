import type { IncomingMessage, ServerResponse } from 'node:http';
import { context } from '@opentelemetry/api';
import { CLIENT_CLOSED, type Exchange, type ExchangeObserver } from './http-exchange.js';
import { REQUEST_ID_HEADER } from './request-id.js';

/** A handler of Node's own HTTP server. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A middleware of the `(request, response, next)` kind: Express, Connect and the like. */
export type NodeMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/** Names the route of a request, once it was served. */
export type NodeRoute = (request: IncomingMessage, response: ServerResponse) => string | undefined;

/** The route as Express leaves it on the request: `/users` + `/:id`. */
export function expressRoute(request: IncomingMessage): string | undefined {
  if (!('route' in request) || typeof request.route !== 'object' || request.route === null) {
    return undefined;
  }
  const path = 'path' in request.route ? request.route.path : undefined;
  const base = 'baseUrl' in request ? request.baseUrl : undefined;
  return typeof path === 'string' ? `${typeof base === 'string' ? base : ''}${path}` : undefined;
}

/** Wraps a handler: `createServer(wrapNode(observer, route, handler))`. */
export function wrapNode(
  observer: ExchangeObserver,
  route: NodeRoute,
  handler: NodeHandler,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const exchange = observe(observer, route, request, response);
    context.with(exchange.context, () => {
      try {
        const result = handler(request, response);
        if (result instanceof Promise)
          result.catch((error: unknown) => fail(response, exchange, error));
      } catch (error) {
        fail(response, exchange, error);
      }
    });
  };
}

/** The same as a middleware; the framework deals with errors. */
export function nodeMiddleware(observer: ExchangeObserver, route: NodeRoute): NodeMiddleware {
  return (request, response, next) => {
    const exchange = observe(observer, route, request, response);
    context.with(exchange.context, next);
  };
}

const failures = new WeakMap<Exchange, unknown>();

/** Answers 500 without a word about the error, which is in the log line. */
function fail(response: ServerResponse, exchange: Exchange, error: unknown): void {
  failures.set(exchange, error);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.statusCode = 500;
  response.setHeader(REQUEST_ID_HEADER, exchange.requestId);
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end('Internal Server Error\n');
}

function observe(
  observer: ExchangeObserver,
  route: NodeRoute,
  request: IncomingMessage,
  response: ServerResponse,
): Exchange {
  const target = requestTarget(request);
  const exchange = observer.begin({
    method: request.method ?? '',
    path: target.split('?', 1)[0] ?? '',
    scheme: 'encrypted' in request.socket && request.socket.encrypted === true ? 'https' : 'http',
    headers: request.headers,
  });
  response.setHeader(REQUEST_ID_HEADER, exchange.requestId);
  // 'close' follows 'finish', and comes alone when the client went away or the response was destroyed
  response.once('close', () => {
    const error = failures.get(exchange);
    const cut = error === undefined ? CLIENT_CLOSED : 500;
    exchange.end({
      status: response.writableFinished ? response.statusCode : cut,
      route: attemptRoute(route, request, response),
      ...(error === undefined ? {} : { error }),
    });
  });
  return exchange;
}

/** The request line's target; Express cuts `url` while it routes and keeps the whole one beside it. */
function requestTarget(request: IncomingMessage): string {
  const original = 'originalUrl' in request ? request.originalUrl : undefined;
  return typeof original === 'string' ? original : (request.url ?? '');
}

function attemptRoute(
  route: NodeRoute,
  request: IncomingMessage,
  response: ServerResponse,
): string | undefined {
  try {
    return route(request, response);
  } catch {
    return undefined;
  }
}
