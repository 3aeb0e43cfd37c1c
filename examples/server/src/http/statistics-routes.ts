import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { DeliveryStatistics } from '../operations/delivery-statistics.js';
import { commonProblems, json, type ServerEnv } from './routes.js';

const DAY_MS = 86_400_000;
const TIME_RULE = { error: 'must be a time such as 2026-11-21T09:00:00Z' };

const hour = z
  .object({
    hour: z.iso.datetime().meta({ description: 'When it began' }),
    delivered: z.int(),
    retrying: z.int().meta({ description: 'Attempts that failed and are repeated' }),
    dead: z.int().meta({ description: 'Deliveries given up' }),
    duration_ms: z.int().meta({ description: 'Of all attempts together' }),
  })
  .meta({ id: 'DeliveryHour' });

const deliveriesRoute = createRoute({
  method: 'get',
  path: '/v1/statistics/deliveries',
  tags: ['Deliveries'],
  summary: 'How deliveries went, by the hour, the oldest first',
  description: 'Of all processes together; a few seconds late. Hours without any are left out.',
  request: {
    query: z.strictObject({
      from: z.iso.datetime(TIME_RULE).optional().meta({ description: 'A day before `to`' }),
      to: z.iso.datetime(TIME_RULE).optional().meta({ description: 'Now, when absent' }),
    }),
  },
  responses: { 200: json(z.object({ items: z.array(hour) }), 'The hours'), ...commonProblems },
});

/** Serves statistics. */
export function statisticsRoutes(
  app: OpenAPIHono<ServerEnv>,
  statistics: Pick<DeliveryStatistics, 'list'>,
): void {
  app.openapi(deliveriesRoute, async (c) => {
    const query = c.req.valid('query');
    const to = query.to === undefined ? new Date() : new Date(query.to);
    const from = query.from === undefined ? new Date(to.getTime() - DAY_MS) : new Date(query.from);
    return c.json({ items: await statistics.list(from, to) }, 200);
  });
}
