import type { EventsInput, QueueAdmin } from '@holdfast/queue';
import { eventListSchema, eventTypeSchema, toJson } from '@holdfast/queue/schemas';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { given, jsonOf, queueProblem } from './queue-json.js';
import { commonProblems, json, pageQuery, type ServerEnv } from './routes.js';

const WAIT_RULE = { error: 'must be a whole number from 0 to 30000' };

const eventsRoute = createRoute({
  method: 'get',
  path: '/v1/task-events',
  tags: ['Tasks'],
  summary: 'Read what happened to tasks, in all processes and in order',
  description:
    'Go on with `cursor`. With `wait_ms` the answer waits for a first event: a follower needs no more.',
  request: {
    query: z.strictObject({
      after: z
        .string()
        .min(1)
        .max(200)
        .optional()
        .meta({ description: '`cursor` of the page before, or `latest`' }),
      queue: z.string().min(1).max(200).optional(),
      type: eventTypeSchema.optional(),
      limit: pageQuery.limit,
      wait_ms: z.coerce
        .number(WAIT_RULE)
        .int(WAIT_RULE)
        .min(0, WAIT_RULE)
        .max(30_000, WAIT_RULE)
        .default(0),
    }),
  },
  responses: { 200: json(jsonOf('TaskEventPage', eventListSchema), 'One page'), ...commonProblems },
});

/** Serves events of tasks, queues and schedules. */
export function eventRoutes(app: OpenAPIHono<ServerEnv>, admin: QueueAdmin): void {
  app.openapi(eventsRoute, async (c) => {
    const { after, queue, type: only, limit, wait_ms: waitMs } = c.req.valid('query');
    const input = given<EventsInput>({
      after,
      queues: queue === undefined ? undefined : [queue],
      types: only === undefined ? undefined : [only],
      limit,
      waitMs,
    });
    const found = await queueProblem(admin.events(input));
    return c.json(toJson(eventListSchema, found), 200);
  });
}
