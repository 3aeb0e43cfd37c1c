import type { Queue, QueueAdmin, ScheduleOptions } from '@holdfast/queue';
import {
  changeSchema,
  outcomeSchema,
  scheduleListSchema,
  scheduleSchema,
  toJson,
} from '@holdfast/queue/schemas';
import type { SqlTransaction } from '@holdfast/sql';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { DEFINITIONS } from '../compose/queue.js';
import { HttpProblem } from './problem.js';
import { bodyOf, given, jsonOf, queueProblem } from './queue-json.js';
import {
  bodyProblems,
  commonProblems,
  json,
  jsonRequest,
  named,
  pageQuery,
  problems,
  reasonQuery,
  type ServerEnv,
} from './routes.js';
import { placement, taskName } from './task-enqueue-routes.js';

const tags = ['Schedules'];
const schedule = jsonOf('Schedule', scheduleSchema);
const params = z.object({
  queue: z.string().meta({ description: 'Name of a queue', example: 'operations' }),
  id: z.string().meta({ description: 'Unique in its queue', example: 'nightly' }),
});
const answered = { 200: json(schedule, 'The schedule'), ...bodyProblems, 404: problems[404] };
const why = json(bodyOf(changeSchema), 'Why');
const one = '/v1/queues/{queue}/schedules/{id}';

const listRoute = createRoute({
  method: 'get',
  path: '/v1/schedules',
  tags,
  summary: 'List schedules',
  request: {
    query: z.strictObject({ queue: z.string().min(1).max(200).optional(), ...pageQuery }),
  },
  responses: {
    200: json(jsonOf('SchedulePage', scheduleListSchema), 'One page'),
    ...commonProblems,
  },
});

const readRoute = createRoute({
  method: 'get',
  path: one,
  tags,
  summary: 'Read a schedule',
  request: { params },
  responses: { 200: json(schedule, 'The schedule'), ...commonProblems, 404: problems[404] },
});

const newSchedule = z.strictObject({
  task: taskName,
  ...placement,
  cron: z
    .string()
    .max(500)
    .optional()
    .meta({ description: 'Five or six fields, seconds first; or else every_ms' }),
  time_zone: z.string().max(100).optional().meta({ example: 'Europe/Kyiv' }),
  every_ms: z.int().min(1_000).optional(),
  until: z.iso.datetime().optional().meta({ description: 'No run at or after this time' }),
  missed: z
    .enum(['skip', 'once', 'all'])
    .optional()
    .meta({ description: 'What happens to runs that no process was there for' }),
  overlap: z.enum(['allow', 'skip']).optional(),
  reason: z
    .string()
    .min(1)
    .max(1_000)
    .optional()
    .meta({ description: 'Why it is made or changed' }),
});

const putRoute = createRoute({
  method: 'put',
  path: one,
  tags,
  summary: 'Make or change a schedule of the queue `operations`',
  request: { params, body: jsonRequest(named('NewSchedule', newSchedule), 'The schedule') },
  responses: { 200: json(schedule, 'The schedule'), ...bodyProblems, 404: problems[404] },
});

const pauseRoute = createRoute({
  method: 'post',
  path: `${one}/pause`,
  tags,
  summary: 'Let a schedule rest',
  request: { params, body: why },
  responses: answered,
});

const resumeRoute = createRoute({
  method: 'post',
  path: `${one}/resume`,
  tags,
  summary: 'Let a schedule go on with the next run from now',
  request: { params, body: why },
  responses: answered,
});

const triggerRoute = createRoute({
  method: 'post',
  path: `${one}/trigger`,
  tags,
  summary: 'Enqueue the task of a schedule now, beside its runs',
  request: { params, body: why },
  responses: {
    202: json(jsonOf('EnqueueOutcome', outcomeSchema), 'It is enqueued'),
    ...bodyProblems,
    404: problems[404],
  },
});

const removeRoute = createRoute({
  method: 'delete',
  path: one,
  tags,
  summary: 'Delete a schedule; tasks that it enqueued stay',
  request: { params, query: reasonQuery },
  responses: answered,
});

function toOptions(body: z.output<typeof newSchedule>, by: string): ScheduleOptions {
  const { reason, every_ms, time_zone, until, group, cron, missed, overlap, priority, headers } =
    body;
  return given<ScheduleOptions>({
    by,
    reason,
    cron,
    missed,
    overlap,
    priority,
    headers,
    group: group === undefined ? undefined : given(group),
    every: every_ms,
    timeZone: time_zone,
    until: until === undefined ? undefined : new Date(until),
  });
}

/** Serves schedules. */
export function scheduleRoutes(
  app: OpenAPIHono<ServerEnv>,
  queue: Queue<SqlTransaction>,
  admin: QueueAdmin,
): void {
  app.openapi(listRoute, async (c) => {
    const found = await queueProblem(admin.schedules(c.req.valid('query')));
    return c.json(toJson(scheduleListSchema, found), 200);
  });

  app.openapi(readRoute, async (c) => {
    const { queue: name, id } = c.req.valid('param');
    return c.json(toJson(scheduleSchema, await queueProblem(admin.schedule(name, id))), 200);
  });

  app.openapi(putRoute, async (c) => {
    const { queue: name, id } = c.req.valid('param');
    const body = c.req.valid('json');
    const task = DEFINITIONS.find((one) => one.name === body.task);
    if (name !== queue.name || task === undefined) {
      throw new HttpProblem('ROUTE_NOT_FOUND', `Only the queue ${queue.name} can have schedules`);
    }
    await queueProblem(
      queue.schedule(id, task, body.payload ?? null, toOptions(body, c.get('caller'))),
    );
    return c.json(toJson(scheduleSchema, await admin.schedule(name, id)), 200);
  });

  app.openapi(pauseRoute, async (c) => {
    const { queue: name, id } = c.req.valid('param');
    const change = { ...c.req.valid('json'), by: c.get('caller') };
    const changed = await queueProblem(admin.pauseSchedule(name, id, change));
    return c.json(toJson(scheduleSchema, changed), 200);
  });

  app.openapi(resumeRoute, async (c) => {
    const { queue: name, id } = c.req.valid('param');
    const change = { ...c.req.valid('json'), by: c.get('caller') };
    const changed = await queueProblem(admin.resumeSchedule(name, id, change));
    return c.json(toJson(scheduleSchema, changed), 200);
  });

  app.openapi(triggerRoute, async (c) => {
    const { queue: name, id } = c.req.valid('param');
    const change = { ...c.req.valid('json'), by: c.get('caller') };
    return c.json(await queueProblem(admin.triggerSchedule(name, id, change)), 202);
  });

  app.openapi(removeRoute, async (c) => {
    const { queue: name, id } = c.req.valid('param');
    const change = { ...c.req.valid('query'), by: c.get('caller') };
    const removed = await queueProblem(admin.removeSchedule(name, id, change));
    return c.json(toJson(scheduleSchema, removed), 200);
  });
}
