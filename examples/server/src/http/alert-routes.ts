import { AlertAdmin, type Alerts, SEVERITIES } from '@holdfast/alerts';
import { alertOutputs } from '@holdfast/alerts/schemas';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { commonProblems, json, named, pageOf, pageQuery, type ServerEnv } from './routes.js';
import { requestProblem } from './to-problem.js';

const STATUSES = ['pending', 'firing', 'resolved'] as const;

const listRoute = createRoute({
  method: 'get',
  path: '/v1/alerts',
  tags: ['Alerts'],
  summary: 'List the alerts of this process, newest first',
  request: {
    query: z.strictObject({
      status: z.enum(STATUSES, { error: `must be one of ${STATUSES.join(', ')}` }).optional(),
      severity: z.enum(SEVERITIES, { error: `must be one of ${SEVERITIES.join(', ')}` }).optional(),
      ...pageQuery,
    }),
  },
  responses: {
    200: json(pageOf(named('Alert', alertOutputs.get)), 'One page'),
    ...commonProblems,
  },
});

/** Serves alerts. */
export function alertRoutes(app: OpenAPIHono<ServerEnv>, alerts: Alerts): void {
  const admin = new AlertAdmin(alerts);

  app.openapi(listRoute, async (c) => {
    const { status, severity, ...page } = c.req.valid('query');
    const filter = {
      ...(status === undefined ? {} : { status: [status] }),
      ...(severity === undefined ? {} : { severity: [severity] }),
    };
    return c.json(await requestProblem(admin.list({ ...filter, ...page })), 200);
  });
}
