import type { Changed, QueueAdmin } from '@holdfast/queue';
import {
  bulkSchema,
  cancelManySchema,
  changedSchema,
  cleanSchema,
  fromJson,
  moveManySchema,
  redriveManySchema,
  reprioritiseManySchema,
  type Snake,
} from '@holdfast/queue/schemas';
import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import { bodyOf, jsonOf, queueProblem } from './queue-json.js';
import { bodyProblems, json, type ServerEnv } from './routes.js';

/** A change of many tasks. */
interface BulkChange<Input> {
  /** The last part of its path. */
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly schema: z.ZodType<Input, object>;
  readonly change: (input: Input) => Promise<Changed>;
}

function bulkRoute<Input extends object>(
  app: OpenAPIHono<ServerEnv>,
  { name, schema, change, ...texts }: BulkChange<Input>,
): void {
  const route = createRoute({
    method: 'post',
    path: `/v1/tasks/${name}`,
    tags: ['Tasks'],
    ...texts,
    request: { body: json(bodyOf(schema), 'Which, and why') },
    responses: { 200: json(jsonOf('Changed', changedSchema), 'How many'), ...bodyProblems },
  });
  app.openapi(route, async (c) => {
    const body: object = c.req.valid('json');
    const input = { ...body, by: c.get('caller') } as Snake<Input>;
    return c.json(await queueProblem(change(fromJson(schema, input))), 200);
  });
}

/** Serves changes of many tasks: they take a filter and a limit, and tell how many were changed. */
export function bulkRoutes(app: OpenAPIHono<ServerEnv>, admin: QueueAdmin): void {
  bulkRoute(app, {
    name: 'redrive',
    summary: 'Redrive dead letters, oldest first',
    description:
      'At most `limit`, one every `every_ms`, so that what failed is not run over again.',
    schema: redriveManySchema,
    change: (input) => admin.redriveMany(input),
  });
  bulkRoute(app, {
    name: 'cancel',
    summary: 'End tasks that wait and, with `running`, those that run',
    schema: cancelManySchema,
    change: (input) => admin.cancelMany(input),
  });
  bulkRoute(app, {
    name: 'promote',
    summary: 'Make scheduled tasks due now that are not blocked, oldest first',
    schema: bulkSchema,
    change: (input) => admin.promoteMany(input),
  });
  bulkRoute(app, {
    name: 'reprioritise',
    summary: 'Give waiting tasks another priority, oldest first',
    description:
      'Those that have it, and those whose queue does not take it, are left alone: send it again until none is changed.',
    schema: reprioritiseManySchema,
    change: (input) => admin.reprioritiseMany(input),
  });
  bulkRoute(app, {
    name: 'move',
    summary: 'Take ready, scheduled and dead tasks to another queue, oldest first',
    description:
      'Left alone are tasks with parents or children, and those whose idempotency key or priority is not taken there.',
    schema: moveManySchema,
    change: (input) => admin.moveMany(input),
  });
  bulkRoute(app, {
    name: 'purge',
    summary: 'Delete dead letters, oldest first',
    description: 'One event of each queue, `queue.cleaned`, tells of them with their count.',
    schema: bulkSchema,
    change: (input) => admin.purge(input),
  });
  bulkRoute(app, {
    name: 'clean',
    summary: 'Delete finished tasks, of the states given or of all',
    description: 'One event of each queue, `queue.cleaned`, tells of them with their count.',
    schema: cleanSchema,
    change: (input) => admin.clean(input),
  });
}
