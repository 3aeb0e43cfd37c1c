import type { QueueAdmin } from '@holdfast/queue';
import {
  bulkSchema,
  cancelManySchema,
  changedSchema,
  cleanSchema,
  fromJson,
  redriveManySchema,
} from '@holdfast/queue/schemas';
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { bodyOf, jsonOf, queueProblem } from './queue-json.js';
import { bodyProblems, json, type ServerEnv } from './routes.js';

const tags = ['Tasks'];
const responses = { 200: json(jsonOf('Changed', changedSchema), 'How many'), ...bodyProblems };

const redriveRoute = createRoute({
  method: 'post',
  path: '/v1/tasks/redrive',
  tags,
  summary: 'Redrive dead letters, oldest first',
  description: 'At most `limit`, one every `every_ms`, so that what failed is not run over again.',
  request: { body: json(bodyOf(redriveManySchema), 'Which, and how fast') },
  responses,
});

const cancelRoute = createRoute({
  method: 'post',
  path: '/v1/tasks/cancel',
  tags,
  summary: 'End tasks that wait and, with `running`, those that run',
  request: { body: json(bodyOf(cancelManySchema), 'Which') },
  responses,
});

const purgeRoute = createRoute({
  method: 'post',
  path: '/v1/tasks/purge',
  tags,
  summary: 'Delete dead letters, oldest first',
  request: { body: json(bodyOf(bulkSchema), 'Which') },
  responses,
});

const cleanRoute = createRoute({
  method: 'post',
  path: '/v1/tasks/clean',
  tags,
  summary: 'Delete finished tasks, of the states given or of all',
  request: { body: json(bodyOf(cleanSchema), 'Which') },
  responses,
});

/** Serves changes of many tasks: they take a filter and a limit, and tell how many were changed. */
export function bulkRoutes(app: OpenAPIHono<ServerEnv>, admin: QueueAdmin): void {
  app.openapi(redriveRoute, async (c) => {
    const input = fromJson(redriveManySchema, { ...c.req.valid('json'), by: c.get('caller') });
    return c.json(await queueProblem(admin.redriveMany(input)), 200);
  });

  app.openapi(cancelRoute, async (c) => {
    const input = fromJson(cancelManySchema, { ...c.req.valid('json'), by: c.get('caller') });
    return c.json(await queueProblem(admin.cancelMany(input)), 200);
  });

  app.openapi(purgeRoute, async (c) => {
    const input = fromJson(bulkSchema, { ...c.req.valid('json'), by: c.get('caller') });
    return c.json(await queueProblem(admin.purge(input)), 200);
  });

  app.openapi(cleanRoute, async (c) => {
    const input = fromJson(cleanSchema, { ...c.req.valid('json'), by: c.get('caller') });
    return c.json(await queueProblem(admin.clean(input)), 200);
  });
}
