import { createServer, request as httpRequest, type Server } from 'node:http';
import { connect } from 'node:net';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { Hono } from 'hono';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  type AppLogger,
  createLogger,
  currentRequestId,
  type HttpContext,
  httpContext,
  type MemorySpanExporter,
  memorySpanExporter,
  type NodeHandler,
  startTelemetry,
  type Telemetry,
} from '../src/index.js';
import { closed, eventually, listen } from './support/http.js';
import { type Line, memoryLines } from './support/lines.js';
import { parsePrometheus, sampleOf } from './support/parse-prometheus.js';

let spans: MemorySpanExporter;
let telemetry: Telemetry;
let logger: AppLogger;
let lines: () => Line[];
let http: HttpContext;
let server: Server | undefined;

beforeEach(() => {
  spans = memorySpanExporter();
  telemetry = startTelemetry({ service: 'shop', exporters: [spans] });
  const memory = memoryLines();
  lines = () => memory.lines().filter(({ msg }) => msg === 'request completed');
  logger = createLogger({
    service: 'shop',
    destination: memory.destination,
    logCrash: false,
    level: 'debug',
  });
  http = httpContext({
    logger,
    route: (request) => request.url?.split('?')[0]?.replace(/\d+/g, ':id'),
  });
});

afterEach(async () => {
  if (server !== undefined) await closed(server);
  server = undefined;
  await telemetry.close();
});

async function serve(handler: NodeHandler): Promise<string> {
  server = createServer(http.node(handler));
  return await listen(server);
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

it('takes over request id and trace of the caller, and returns the id', async () => {
  const url = await serve((_request, response) => {
    const carrier: Record<string, string> = {};
    propagation.inject(context.active(), carrier);
    response.end(JSON.stringify({ id: currentRequestId(), ...carrier }));
  });
  const response = await fetch(`${url}/orders/7?token=hidden`, {
    headers: {
      'X-Request-ID': 'caller-1',
      traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
      tracestate: 'vendor=x',
      baggage: 'tenant=acme,request.id=forged',
    },
  });
  expect(response.headers.get('x-request-id')).toBe('caller-1');
  expect(await response.json()).toEqual({
    id: 'caller-1',
    traceparent: expect.stringMatching(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`)),
    tracestate: 'vendor=x',
    baggage: 'tenant=acme,request.id=caller-1',
  });
  await eventually(() => lines().length === 1);
  expect(lines()[0]).toMatchObject({
    level: 'info',
    request_id: 'caller-1',
    trace_id: TRACE,
    method: 'GET',
    path: '/orders/7',
    route: '/orders/:id',
    status: 200,
    duration_ms: expect.any(Number),
  });
  await telemetry.flush();
  expect(spans.spans()).toMatchObject([
    {
      name: 'GET /orders/:id',
      kind: SpanKind.SERVER,
      parentSpanContext: { spanId: '00f067aa0ba902b7' },
      attributes: {
        'http.route': '/orders/:id',
        'http.response.status_code': 200,
        'url.path': '/orders/7',
        'request.id': 'caller-1',
      },
    },
  ]);
});

it.each([
  ['too long', { 'X-Request-ID': 'x'.repeat(129) }],
  ['with characters of a header injection', { 'X-Request-ID': 'a%0d%0aSet-Cookie:x' }],
  ['given twice', { 'X-Request-ID': ['a', 'b'] }],
  ['forged in the baggage', { baggage: 'request.id=a%20b%0A' }],
  [
    'broken trace headers',
    { traceparent: '00-zz-1-01', tracestate: 'x'.repeat(9_000), baggage: '=;,=%' },
  ],
])('makes an id of its own for a hostile request: %s', async (_what, headers) => {
  const url = await serve((_request, response) => response.end(currentRequestId()));
  const { id, body } = await new Promise<{ id: unknown; body: string }>((resolve, reject) => {
    httpRequest(url, { headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('end', () => resolve({ id: response.headers['x-request-id'], body: text }));
    })
      .on('error', reject)
      .end();
  });
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(body).toBe(id);
});

it('answers 500 for a handler that throws or rejects, without its words, and logs the error', async () => {
  const url = await serve(async (request, response) => {
    response.setHeader('X-Secret', 'half done');
    if (request.url === '/later') await null;
    throw new Error('the password is swordfish');
  });
  for (const path of ['/now', '/later']) {
    const response = await fetch(url + path, { headers: { 'X-Request-ID': 'r' } });
    expect(response.status).toBe(500);
    expect(response.headers.get('x-request-id')).toBe('r');
    expect(response.headers.get('x-secret')).toBeNull();
    expect(await response.text()).toBe('Internal Server Error\n');
  }
  await eventually(() => lines().length === 2);
  expect(lines()[0]).toMatchObject({
    level: 'error',
    status: 500,
    err: { message: 'the password is swordfish' },
  });
  await telemetry.flush();
  expect(spans.spans()[0]).toMatchObject({
    status: { code: SpanStatusCode.ERROR },
    attributes: { 'error.type': 'Error' },
    events: [{ name: 'exception' }],
  });
});

it('counts rate, errors and duration by route', async () => {
  const url = await serve((request, response) => {
    response.statusCode = request.url === '/items/9' ? 503 : 200;
    response.end();
  });
  for (const path of ['/items/1', '/items/2', '/items/9']) await fetch(url + path);
  await eventually(() => lines().length === 3);
  const metrics = parsePrometheus(await telemetry.prometheusText());
  const name = 'http_server_request_duration_seconds';
  const route = '/items/:id';
  expect(sampleOf(metrics, `${name}_count`, { method: 'GET', route, status: '200' })).toBe(2);
  expect(sampleOf(metrics, `${name}_count`, { method: 'GET', route, status: '503' })).toBe(1);
  expect(sampleOf(metrics, `${name}_bucket`, { route, status: '200', le: '+Inf' })).toBe(2);
  expect(sampleOf(metrics, 'http_server_active_requests')).toBe(0);
});

it('logs quiet routes at debug, and notices a client that went away', async () => {
  let arrived = false;
  const url = await serve((request, response) => {
    arrived = true;
    if (request.url !== '/slow') response.end();
  });
  await fetch(`${url}/metrics`);
  arrived = false;
  const abort = new AbortController();
  const slow = fetch(`${url}/slow`, { signal: abort.signal }).catch(() => {});
  await eventually(() => arrived);
  abort.abort();
  await slow;
  await eventually(() => lines().length === 2);
  expect(lines()[0]).toMatchObject({ level: 'debug', route: '/metrics' });
  expect(lines()[1]).toMatchObject({ status: 499, route: '/slow' });
});

it('keeps pipelined requests on one connection apart, to their last line', async () => {
  const mixedUp: unknown[] = [];
  const url = await serve(async (request, response) => {
    const check = (): void => {
      if (`/${currentRequestId()}` !== request.url) mixedUp.push(request.url);
    };
    check();
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
    check();
    response.end();
  });
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(
    Array.from(
      { length: 30 },
      (_, n) => `GET /p${n} HTTP/1.1\r\nHost: x\r\nX-Request-ID: p${n}\r\n\r\n`,
    ).join(''),
  );
  socket.resume();
  await eventually(() => lines().length === 30);
  socket.destroy();
  expect(mixedUp).toEqual([]);
  for (const { path, request_id: id } of lines()) expect(path).toBe(`/${String(id)}`);
});

it('works as a middleware, with the route that Express leaves on the request', async () => {
  const observer = httpContext({ logger });
  server = createServer((request, response) => {
    observer.middleware(request, response, () => {
      Object.assign(request, { baseUrl: '/api', route: { path: '/users/:id' } });
      response.end(currentRequestId());
    });
  });
  const response = await fetch(`${await listen(server)}/api/users/5`, {
    headers: { 'X-Request-ID': 'm1' },
  });
  expect(await response.text()).toBe('m1');
  await eventually(() => lines().length === 1);
  expect(lines()[0]).toMatchObject({ route: '/api/users/:id', path: '/api/users/5' });
});

function honoApp(): Hono {
  const app = new Hono();
  app.use(http.hono);
  app.use('/private/*', (c, next) =>
    c.req.header('x-key') ? next() : Promise.resolve(c.text('no', 401)),
  );
  app.get('/private/:id', (c) => c.text('secret'));
  app.get('/users/:id', (c) => c.json({ id: currentRequestId() }));
  app.get('/raw', () => Response.redirect('http://127.0.0.1/elsewhere', 302));
  app.get('/boom', () => {
    throw new Error('boom');
  });
  app.onError((error, c) => c.text(error.message.length > 0 ? 'sorry' : '', 500));
  return app;
}

it('is a Hono middleware: id in and out, route names, and errors that onError answered', async () => {
  const app = honoApp();
  const headers = { 'X-Request-ID': 'h1', traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };
  const found = await app.request('/users/5?q=1', { headers });
  expect(await found.json()).toEqual({ id: 'h1' });
  expect(found.headers.get('x-request-id')).toBe('h1');
  const redirect = await app.request('/raw', { headers });
  expect([redirect.status, redirect.headers.get('x-request-id')]).toEqual([302, 'h1']);
  const failed = await app.request('/boom', { headers: { 'X-Request-ID': 'not good' } });
  expect(failed.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  await app.request('/private/7');
  await app.request('/nowhere');
  expect(lines()).toMatchObject([
    { route: '/users/:id', status: 200, request_id: 'h1', trace_id: TRACE, path: '/users/5' },
    { route: '/raw', status: 302 },
    { route: '/boom', status: 500, level: 'error', err: { message: 'boom' } },
    { route: '/private/:id', status: 401 },
    { route: 'unmatched', status: 404 },
  ]);
});

it('works without telemetry: ids and lines, no spans', async () => {
  await telemetry.close();
  const app = new Hono();
  app.use(httpContext({ logger }).hono);
  app.get('/', (c) => c.text(`${currentRequestId()} ${trace.getActiveSpan()?.isRecording()}`));
  const response = await app.request('/', { headers: { 'X-Request-ID': 'bare' } });
  expect(await response.text()).toBe('bare false');
  expect(lines()).toMatchObject([{ request_id: 'bare', route: '/' }]);
});
