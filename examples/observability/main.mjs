// A small HTTP service observed from all sides: node examples/observability/main.mjs
import { createServer } from 'node:http';
import {
  createHealth,
  createLogger,
  gracefulShutdown,
  httpContext,
  memorySpanExporter,
  startTelemetry,
} from '@holdfast/observability';
import { trace } from '@opentelemetry/api';

const about = { service: 'shop', version: '1.0.0', environment: 'example' };
const logger = createLogger({ ...about, level: 'info' });
const spans = memorySpanExporter();
const telemetry = startTelemetry({ ...about, logger, exporters: [spans] });
const health = createHealth({ logger });
health.register('warehouse', () => ({ status: 'degraded', details: { stock: 'low' } }));

const http = httpContext({ logger, route: (request) => request.url?.replace(/\d+/, ':id') });
const server = createServer(
  http.node(async (request, response) => {
    await trace.getTracer('shop').startActiveSpan('find product', async (span) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      logger.child({ module: 'catalogue' }).info({ apiKey: 'never shown' }, 'product looked up');
      span.end();
    });
    if (request.url === '/products/3') throw new Error('out of stock');
    response.end('a product\n');
  }),
);
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

for (const id of [1, 2, 3]) {
  const url = `http://127.0.0.1:${server.address().port}/products/${id}`;
  const response = await fetch(url, { headers: { 'X-Request-ID': `example-${id}` } });
  console.log(response.status, 'X-Request-ID:', response.headers.get('x-request-id'));
}

console.log('\nReadiness:', JSON.stringify(await health.ready()));
await telemetry.flush();
console.log('\nSpans:');
for (const span of spans.spans()) {
  console.log(`  ${span.spanContext().traceId} ${span.attributes['request.id']} ${span.name}`);
}
console.log('\nMetrics:');
const lines = (await telemetry.prometheusText()).split('\n');
console.log(
  lines.filter((line) => line.startsWith('http_server_request_duration_seconds_c')).join('\n'),
);

const shutdown = gracefulShutdown({ logger, health, deadline: '5s' });
shutdown.add('http', server);
shutdown.add('telemetry', telemetry, { after: ['http'] });
await shutdown.run('the example is over');
