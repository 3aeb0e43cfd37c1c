import type { QueueAdmin } from '@holdfast/queue';
import {
  activityListSchema,
  changeSchema,
  fromJson,
  limitsInputSchema,
  queueInfoSchema,
  queueListSchema,
  toJson,
} from '@holdfast/queue/schemas';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { bodyOf, jsonOf, queueProblem } from './queue-json.js';
import {
  bodyProblems,
  commonProblems,
  json,
  jsonRequest,
  named,
  pageQuery,
  type ServerEnv,
} from './routes.js';

const tags = ['Queues'];
const queue = jsonOf('Queue', queueInfoSchema);
const params = z.object({
  queue: z.string().meta({ description: 'Name of a queue', example: 'operations' }),
});
const time = z.iso.datetime({ error: 'must be a time in ISO 8601, UTC' }).optional();
const answered = { 200: json(queue, 'The queue'), ...bodyProblems };

const listRoute = createRoute({
  method: 'get',
  path: '/v1/queues',
  tags,
  summary: 'List queues that have a task or a setting, by name',
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(jsonOf('QueuePage', queueListSchema), 'One page'), ...commonProblems },
});

const readRoute = createRoute({
  method: 'get',
  path: '/v1/queues/{queue}',
  tags,
  summary: 'Read a queue: counts, limits, whether it is paused',
  request: { params },
  responses: { 200: json(queue, 'The queue'), ...commonProblems },
});

const pauseRoute = createRoute({
  method: 'post',
  path: '/v1/queues/{queue}/pause',
  tags,
  summary: 'Stop claims from a queue, in all processes',
  description: 'Tasks that run go on and are settled.',
  request: { params, body: json(bodyOf(changeSchema), 'Why') },
  responses: answered,
});

const resumeRoute = createRoute({
  method: 'post',
  path: '/v1/queues/{queue}/resume',
  tags,
  summary: 'Let a paused queue go on',
  request: { params, body: json(bodyOf(changeSchema), 'Why') },
  responses: answered,
});

const limitsRoute = createRoute({
  method: 'patch',
  path: '/v1/queues/{queue}/limits',
  tags,
  summary: 'Set limits of a queue and its groups, in all processes',
  description: 'What is absent stays; null takes a limit away.',
  request: {
    params,
    body: jsonRequest(named('QueueLimits', bodyOf(limitsInputSchema)), 'The limits, and why'),
  },
  responses: answered,
});

const activityRoute = createRoute({
  method: 'get',
  path: '/v1/queues/{queue}/activity',
  tags,
  summary: 'Read throughput and latency of a queue by the minute',
  request: { params, query: z.strictObject({ from: time, to: time }) },
  responses: {
    200: json(jsonOf('QueueActivity', activityListSchema), 'Minutes in which something happened'),
    ...commonProblems,
  },
});

/** Serves queues. */
export function queueRoutes(app: OpenAPIHono<ServerEnv>, admin: QueueAdmin): void {
  app.openapi(listRoute, async (c) => {
    const found = await queueProblem(admin.queues(c.req.valid('query')));
    return c.json(toJson(queueListSchema, found), 200);
  });

  app.openapi(readRoute, async (c) => {
    const found = await queueProblem(admin.queue(c.req.valid('param').queue));
    return c.json(toJson(queueInfoSchema, found), 200);
  });

  app.openapi(pauseRoute, async (c) => {
    const change = { ...c.req.valid('json'), by: c.get('caller') };
    const paused = await queueProblem(admin.pause(c.req.valid('param').queue, change));
    return c.json(toJson(queueInfoSchema, paused), 200);
  });

  app.openapi(resumeRoute, async (c) => {
    const change = { ...c.req.valid('json'), by: c.get('caller') };
    const resumed = await queueProblem(admin.resume(c.req.valid('param').queue, change));
    return c.json(toJson(queueInfoSchema, resumed), 200);
  });

  app.openapi(limitsRoute, async (c) => {
    const limits = fromJson(limitsInputSchema, { ...c.req.valid('json'), by: c.get('caller') });
    const limited = await queueProblem(admin.setLimits(c.req.valid('param').queue, limits));
    return c.json(toJson(queueInfoSchema, limited), 200);
  });

  app.openapi(activityRoute, async (c) => {
    const { queue: name } = c.req.valid('param');
    const activity = await queueProblem(admin.activity(name, c.req.valid('query')));
    return c.json(toJson(activityListSchema, activity), 200);
  });
}
