import { DELIVERY_STATUSES, type MessagingAdmin } from '@holdfast/messaging';
import {
  attemptSchema,
  attemptToJson,
  deliverySchema,
  deliveryToJson,
} from '@holdfast/messaging/schemas';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import {
  commonProblems,
  idParams,
  json,
  named,
  pageOf,
  pageQuery,
  problems,
  type ServerEnv,
} from './routes.js';

const delivery = named('Delivery', deliverySchema);

const listRoute = createRoute({
  method: 'get',
  path: '/v1/deliveries',
  tags: ['Deliveries'],
  summary: 'List deliveries, newest first',
  request: {
    query: z.strictObject({
      status: z
        .enum(DELIVERY_STATUSES, { error: `must be one of ${DELIVERY_STATUSES.join(', ')}` })
        .optional(),
      message_id: z.uuid({ error: 'must be a UUID' }).optional(),
      ...pageQuery,
    }),
  },
  responses: { 200: json(pageOf(delivery), 'One page'), ...commonProblems },
});

const readRoute = createRoute({
  method: 'get',
  path: '/v1/deliveries/{id}',
  tags: ['Deliveries'],
  summary: 'Read a delivery; its id is the webhook-id',
  request: { params: idParams },
  responses: { 200: json(delivery, 'The delivery'), ...commonProblems, 404: problems[404] },
});

const attemptsRoute = createRoute({
  method: 'get',
  path: '/v1/deliveries/{id}/attempts',
  tags: ['Deliveries'],
  summary: 'List the attempts of a delivery, first one first',
  request: { params: idParams, query: z.strictObject(pageQuery) },
  responses: {
    200: json(pageOf(named('Attempt', attemptSchema)), 'One page'),
    ...commonProblems,
    404: problems[404],
  },
});

const replayRoute = createRoute({
  method: 'post',
  path: '/v1/deliveries/{id}/replay',
  tags: ['Deliveries'],
  summary: 'Send a delivery once more',
  description: 'Now, with the same webhook-id and body; its retry schedule begins anew.',
  request: { params: idParams },
  responses: {
    202: json(delivery, 'It is sent soon'),
    ...commonProblems,
    404: problems[404],
    409: problems[409],
  },
});

/** Serves deliveries and their attempts. */
export function deliveryRoutes(app: OpenAPIHono<ServerEnv>, admin: MessagingAdmin): void {
  app.openapi(listRoute, async (c) => {
    const { status, message_id: messageId, limit, cursor = null } = c.req.valid('query');
    const filter = {
      ...(status === undefined ? {} : { status }),
      ...(messageId === undefined ? {} : { messageId }),
    };
    const page = await admin.listDeliveries(filter, { limit, cursor });
    const items = page.items.map(deliveryToJson);
    return c.json({ items, next_cursor: page.nextCursor }, 200);
  });

  app.openapi(readRoute, async (c) => {
    const found = await admin.getDelivery(c.req.valid('param').id);
    return c.json(deliveryToJson(found), 200);
  });

  app.openapi(attemptsRoute, async (c) => {
    const { limit, cursor = null } = c.req.valid('query');
    const page = await admin.listAttempts(c.req.valid('param').id, { limit, cursor });
    return c.json({ items: page.items.map(attemptToJson), next_cursor: page.nextCursor }, 200);
  });

  app.openapi(replayRoute, async (c) => {
    const replayed = await admin.replayDelivery(c.req.valid('param').id);
    return c.json(deliveryToJson(replayed), 202);
  });
}
