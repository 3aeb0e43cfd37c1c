import { type Health, PROMETHEUS_CONTENT_TYPE, type ReadyReport } from '@holdfast/observability';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { SERVICE, VERSION } from '../version.js';
import { json, type ServerEnv } from './routes.js';

/** What these routes tell of. */
export interface SystemServices {
  readonly health: Health;
  prometheusText(): Promise<string>;
}

const rootRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['System'],
  summary: 'Name and version of the server',
  responses: {
    200: json(
      z.object({
        name: z.string(),
        version: z.string(),
        status: z.literal('running'),
        docs: z.string(),
      }),
      'The server runs',
    ),
  },
});

const apiHealthRoute = createRoute({
  method: 'get',
  path: '/api/health',
  tags: ['System'],
  summary: 'Whether the process answers',
  responses: {
    200: json(
      z.object({ status: z.literal('ok'), timestamp: z.iso.datetime() }),
      'The process answers',
    ),
  },
});

const liveRoute = createRoute({
  method: 'get',
  path: '/health/live',
  tags: ['System'],
  summary: 'Liveness: restart the process when this fails',
  description: 'Asks nothing but the process itself.',
  responses: {
    200: json(z.object({ status: z.literal('alive') }), 'The process is alive'),
  },
});

const readiness = z
  .object({
    ready: z.boolean(),
    status: z.string(),
    reason: z.string().optional(),
    checks: z
      .record(
        z.string(),
        z.object({
          status: z.string(),
          critical: z.boolean(),
          checked_at: z.iso.datetime(),
          duration_ms: z.number(),
        }),
      )
      .meta({ description: 'By dependency. Why one fails is in the log.' }),
  })
  .meta({ id: 'Readiness' });

/** The page is open to everybody, so it leaves out error texts, paths and figures. */
function readinessToJson({ checks, ...report }: ReadyReport): z.infer<typeof readiness> {
  const entries = Object.entries(checks).map(([name, check]) => [
    name,
    {
      status: check.status,
      critical: check.critical,
      checked_at: check.checkedAt,
      duration_ms: check.durationMs,
    },
  ]);
  return { ...report, checks: Object.fromEntries(entries) };
}

const readyRoute = createRoute({
  method: 'get',
  path: '/health/ready',
  tags: ['System'],
  summary: 'Readiness: send requests here only while this succeeds',
  responses: {
    200: json(readiness, 'Requests are welcome'),
    503: json(readiness, 'A dependency fails, or the server is starting or shutting down'),
  },
});

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  tags: ['System'],
  summary: 'Metrics in Prometheus text format 0.0.4',
  responses: {
    200: { description: 'Every metric', content: { 'text/plain': { schema: z.string() } } },
  },
});

/** Serves what tells of the process itself: open to everybody who reaches it. */
export function systemRoutes(app: OpenAPIHono<ServerEnv>, services: SystemServices): void {
  app.openapi(rootRoute, (c) =>
    c.json({ name: SERVICE, version: VERSION, status: 'running' as const, docs: '/docs' }, 200),
  );
  app.openapi(apiHealthRoute, (c) =>
    c.json({ status: 'ok' as const, timestamp: new Date().toISOString() }, 200),
  );
  app.openapi(liveRoute, (c) => c.json({ status: 'alive' as const }, 200));
  app.openapi(readyRoute, async (c) => {
    const report = await services.health.ready();
    c.header('cache-control', 'no-store');
    return c.json(readinessToJson(report), report.ready ? 200 : 503);
  });
  app.openapi(metricsRoute, async (c) =>
    c.text(await services.prometheusText(), 200, { 'content-type': PROMETHEUS_CONTENT_TYPE }),
  );
}
