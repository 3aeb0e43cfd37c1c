import type { EnqueueItem, FlowItem, Queue } from '@holdfast/queue';
import { outcomeSchema } from '@holdfast/queue/schemas';
import type { SqlTransaction } from '@holdfast/sql';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { DEFINITIONS } from '../compose/queue.js';
import { given, jsonOf, queueProblem } from './queue-json.js';
import { bodyProblems, json, jsonRequest, named, type ServerEnv } from './routes.js';

const YEAR_MS = 365 * 86_400_000;
const NAMES = DEFINITIONS.map(({ name }) => name);
/** The name of a task that the server runs. */
export const taskName = z
  .enum(NAMES, { error: `must be one of ${NAMES.join(', ')}` })
  .meta({ description: 'Which task' });
/** What goes with a task whenever it runs. */
export const placement = {
  payload: z
    .unknown()
    .optional()
    .meta({ description: 'What the task is about: each has its own schema. Null when absent' }),
  priority: z.int().min(-32_768).max(32_767).optional().meta({ description: 'The largest first' }),
  group: z
    .strictObject({
      key: z.string().min(1).max(200),
      weight: z.number().min(0.001).max(1_000).optional(),
      strict: z.enum(['skip', 'block']).optional(),
    })
    .optional()
    .meta({ description: 'Shares limits with the tasks of its group, and the queue with others' }),
  headers: z.record(z.string(), z.string()).optional(),
};
const item = z.strictObject({
  name: taskName,
  ...placement,
  delay_ms: z
    .int()
    .min(0)
    .max(100 * YEAR_MS)
    .optional(),
  run_at: z.iso.datetime().optional().meta({ description: 'In place of delay_ms' }),
  idempotency_key: z.string().min(1).max(500).optional(),
  idempotency_window: z
    .union([
      z
        .int()
        .min(0)
        .max(100 * YEAR_MS),
      z.enum(['waiting', 'live', 'forever']),
    ])
    .optional()
    .meta({ description: 'Milliseconds that the key is held beside the life of its task' }),
  on_duplicate: z.enum(['ignore', 'replace', 'merge']).optional(),
  free_key_on_failure: z.boolean().optional(),
});
const flowItem = item.extend({
  ref: z.string().min(1).max(200).optional().meta({ description: 'For `after` of others' }),
  after: z
    .array(z.string())
    .max(1_000)
    .optional()
    .meta({ description: 'Refs of the tasks that must be finished before' }),
  on_child_failure: z.enum(['fail', 'ignore']).optional(),
});
const outcome = jsonOf('EnqueueOutcome', outcomeSchema);

const enqueueRoute = createRoute({
  method: 'post',
  path: '/v1/tasks',
  tags: ['Tasks'],
  summary: 'Enqueue a task',
  request: { body: jsonRequest(named('NewTask', item), 'The task') },
  responses: {
    202: json(outcome, 'It is enqueued, or another one holds its idempotency key'),
    ...bodyProblems,
  },
});

const flowRoute = createRoute({
  method: 'post',
  path: '/v1/tasks/flow',
  tags: ['Tasks'],
  summary: 'Enqueue tasks that wait for one another, all or none',
  request: {
    body: jsonRequest(
      named('NewFlow', z.strictObject({ items: z.array(flowItem).min(1).max(1_000) })),
      'The tasks',
    ),
  },
  responses: {
    202: json(z.object({ items: z.array(outcome) }), 'In the order of the items'),
    ...bodyProblems,
  },
});

function toItem(body: z.output<typeof item>): EnqueueItem {
  const task = DEFINITIONS.find(({ name }) => name === body.name);
  if (task === undefined) throw new RangeError(`There is no task ${body.name}`);
  const { delay_ms, run_at, group, idempotency_key, idempotency_window } = body;
  return given<EnqueueItem>({
    task,
    payload: body.payload ?? null,
    priority: body.priority,
    headers: body.headers,
    group: group === undefined ? undefined : given(group),
    delay: delay_ms,
    runAt: run_at === undefined ? undefined : new Date(run_at),
    idempotencyKey: idempotency_key,
    idempotencyWindow: idempotency_window,
    onDuplicate: body.on_duplicate,
    freeKeyOnFailure: body.free_key_on_failure,
  });
}

function toFlowItem({
  ref,
  after,
  on_child_failure,
  ...body
}: z.output<typeof flowItem>): FlowItem {
  const links = given<Pick<FlowItem, 'ref' | 'after' | 'onChildFailure'>>({
    ref,
    after,
    onChildFailure: on_child_failure,
  });
  return { ...toItem(body), ...links };
}

/** Serves enqueueing: for operators, and to see the queue at work. */
export function enqueueRoutes(app: OpenAPIHono<ServerEnv>, queue: Queue<SqlTransaction>): void {
  app.openapi(enqueueRoute, async (c) => {
    const { task, payload, ...options } = toItem(c.req.valid('json'));
    const { id, outcome: is } = await queueProblem(queue.enqueue(task, payload, options));
    c.header('location', `/v1/tasks/${id}`);
    return c.json({ id, outcome: is }, 202);
  });

  app.openapi(flowRoute, async (c) => {
    const items = c.req.valid('json').items.map(toFlowItem);
    return c.json({ items: await queueProblem(queue.enqueueFlow(items)) }, 202);
  });
}
