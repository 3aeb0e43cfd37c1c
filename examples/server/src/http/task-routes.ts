import type { QueueAdmin } from '@holdfast/queue';
import {
  cancelSchema,
  changeSchema,
  redriveSchema,
  taskPageSchema,
  taskSchema,
  taskStateSchema,
  toJson,
} from '@holdfast/queue/schemas';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { bodyOf, given, jsonOf, queueProblem } from './queue-json.js';
import {
  bodyProblems,
  commonProblems,
  idParams,
  json,
  jsonRequest,
  pageQuery,
  problems,
  reasonQuery,
  type ServerEnv,
} from './routes.js';

const task = jsonOf('Task', taskSchema);
const page = jsonOf('TaskPage', taskPageSchema);
const tags = ['Tasks'];
const text = z.string().min(1).max(200).optional();
const time = z.iso.datetime({ error: 'must be a time in ISO 8601, UTC' }).optional();
const sort = z
  .enum(['newest', 'oldest'], { error: 'must be newest or oldest' })
  .default('newest')
  .meta({ description: 'By the time of enqueueing' });
const changed = { 404: problems[404], 409: problems[409] };

const listRoute = createRoute({
  method: 'get',
  path: '/v1/tasks',
  tags,
  summary: 'List tasks',
  request: {
    query: z.strictObject({
      queue: text,
      state: taskStateSchema.optional(),
      name: text.meta({ description: 'Name of the task definition' }),
      group: text.meta({ description: 'Key of a group' }),
      blocked_by: z
        .enum(['children', 'group', 'none'], { error: 'must be one of children, group, none' })
        .optional()
        .meta({ description: 'What blocked tasks wait for' }),
      error: text.meta({ description: 'Name of the last error', example: 'TypeError' }),
      finished_from: time,
      finished_to: time,
      sort,
      ...pageQuery,
    }),
  },
  responses: { 200: json(page, 'One page'), ...commonProblems },
});

const readRoute = createRoute({
  method: 'get',
  path: '/v1/tasks/{id}',
  tags,
  summary: 'Read a task and its history',
  request: { params: idParams },
  responses: { 200: json(task, 'The task'), ...commonProblems, 404: problems[404] },
});

const childrenRoute = createRoute({
  method: 'get',
  path: '/v1/tasks/{id}/children',
  tags,
  summary: 'List the tasks that a task waits or waited for',
  request: { params: idParams, query: z.strictObject({ sort, ...pageQuery }) },
  responses: { 200: json(page, 'One page'), ...commonProblems },
});

const cancelRoute = createRoute({
  method: 'post',
  path: '/v1/tasks/{id}/cancel',
  tags,
  summary: 'End a task that waits or, with `running`, one that runs',
  request: { params: idParams, body: json(bodyOf(cancelSchema), 'Why') },
  responses: { 200: json(task, 'The task'), ...bodyProblems, ...changed },
});

const redriveRoute = createRoute({
  method: 'post',
  path: '/v1/tasks/{id}/redrive',
  tags,
  summary: 'Give a dead letter all its attempts again',
  description: 'With another `payload` if wanted. It keeps its id and its history.',
  request: { params: idParams, body: json(bodyOf(redriveSchema), 'Why, and with what') },
  responses: { 200: json(task, 'The task'), ...bodyProblems, ...changed },
});

const promoteRoute = createRoute({
  method: 'post',
  path: '/v1/tasks/{id}/promote',
  tags,
  summary: 'Make a scheduled task due now',
  request: { params: idParams, body: json(bodyOf(changeSchema), 'Why') },
  responses: { 200: json(task, 'The task'), ...bodyProblems, ...changed },
});

const editRoute = createRoute({
  method: 'patch',
  path: '/v1/tasks/{id}',
  tags,
  summary: 'Give a waiting task another priority, or take it to another queue',
  request: {
    params: idParams,
    body: jsonRequest(
      z
        .strictObject({
          priority: z.int().min(-32_768).max(32_767).optional(),
          queue: text,
          reason: z.string().min(1).max(1_000).optional(),
        })
        .refine(({ priority, queue }) => (priority === undefined) !== (queue === undefined), {
          path: ['priority'],
          error: 'must be given, or else queue, but not both',
        }),
      'What to change',
    ),
  },
  responses: { 200: json(task, 'The task'), ...bodyProblems, ...changed },
});

const removeRoute = createRoute({
  method: 'delete',
  path: '/v1/tasks/{id}',
  tags,
  summary: 'Delete a task that does not run, with its idempotency key',
  request: { params: idParams, query: reasonQuery },
  responses: { 204: { description: 'It is gone' }, ...commonProblems, ...changed },
});

/** Serves single tasks, and lists of them. */
export function taskRoutes(app: OpenAPIHono<ServerEnv>, admin: QueueAdmin): void {
  app.openapi(listRoute, async (c) => {
    const { sort: order, limit, cursor, state, ...query } = c.req.valid('query');
    const { blocked_by: blockedBy, finished_from, finished_to, ...rest } = query;
    const filter = given({
      ...rest,
      blockedBy,
      states: state === undefined ? undefined : [state],
      finishedFrom: finished_from,
      finishedTo: finished_to,
    });
    const found = await queueProblem(admin.list({ filter, sort: order, limit, cursor }));
    return c.json(toJson(taskPageSchema, found), 200);
  });

  app.openapi(readRoute, async (c) => {
    return c.json(toJson(taskSchema, await admin.get(c.req.valid('param').id)), 200);
  });

  app.openapi(childrenRoute, async (c) => {
    const found = await queueProblem(admin.children(c.req.valid('param').id, c.req.valid('query')));
    return c.json(toJson(taskPageSchema, found), 200);
  });

  app.openapi(cancelRoute, async (c) => {
    const { id } = c.req.valid('param');
    await queueProblem(admin.cancel(id, { ...c.req.valid('json'), by: c.get('caller') }));
    return c.json(toJson(taskSchema, await admin.get(id)), 200);
  });

  app.openapi(redriveRoute, async (c) => {
    const { id } = c.req.valid('param');
    const input = { ...c.req.valid('json'), by: c.get('caller') };
    return c.json(toJson(taskSchema, await queueProblem(admin.redrive(id, input))), 200);
  });

  app.openapi(promoteRoute, async (c) => {
    const { id } = c.req.valid('param');
    const change = { ...c.req.valid('json'), by: c.get('caller') };
    return c.json(toJson(taskSchema, await queueProblem(admin.promote(id, change))), 200);
  });

  app.openapi(editRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { priority, queue, reason } = c.req.valid('json');
    const change = given({ by: c.get('caller'), reason });
    const edited =
      queue === undefined
        ? admin.reprioritise(id, priority ?? 0, change)
        : admin.move(id, queue, change);
    return c.json(toJson(taskSchema, await queueProblem(edited)), 200);
  });

  app.openapi(removeRoute, async (c) => {
    const change = { ...c.req.valid('query'), by: c.get('caller') };
    await queueProblem(admin.remove(c.req.valid('param').id, change));
    return c.body(null, 204);
  });
}
