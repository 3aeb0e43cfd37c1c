import { z } from 'zod';

const id = z
  .uuid()
  .describe('Id of a task')
  .meta({ examples: ['019a6b3e-7c1d-7f60-8a53-0d6a4b7f2c11'] });
const queue = z
  .string()
  .min(1)
  .max(200)
  .describe('Name of a queue')
  .meta({ examples: ['emails'] });
const time = z.iso.datetime().meta({ examples: ['2026-03-01T12:00:00.000Z'] });
const count = z.int().min(0);

/** Who changes something, and why: recorded in the history or the settings, and logged. */
export const changeSchema = z.strictObject({
  by: z.string().min(1).max(200).optional().describe('Who does it'),
  reason: z.string().min(1).max(1000).optional().describe('Why'),
});

/** The state of a task. */
export const taskStateSchema = z
  .enum(['ready', 'scheduled', 'leased', 'completed', 'dead', 'cancelled'])
  .describe('ready, scheduled and leased tasks are still to be done; the others are finished');

/** Which tasks. */
export const taskFilterSchema = z.strictObject({
  queue: queue.optional(),
  states: z.array(taskStateSchema).min(1).max(6).optional(),
  name: z.string().min(1).max(200).optional().describe('Name of the task definition'),
  ids: z.array(id).max(500).optional(),
});

/** Input of `list`. */
export const listTasksSchema = z.strictObject({
  filter: taskFilterSchema.default({}),
  sort: z.enum(['newest', 'oldest']).default('newest'),
  limit: z.int().min(1).max(500).default(50),
  cursor: z.string().max(200).nullish().describe('`nextCursor` of the page before'),
});

/** Input of `redriveMany` and `purge`: which dead letters, and how many at most. */
export const bulkSchema = z.strictObject({
  filter: taskFilterSchema.omit({ states: true }).default({}),
  limit: z.int().min(1).max(10_000).default(1_000),
  ...changeSchema.shape,
});

/** One thing that befell a task. */
export const historyEntrySchema = z.object({
  kind: z.enum(['error', 'timeout', 'invalid', 'lapsed', 'redriven', 'cancelled']),
  at: time,
  attempt: count,
  epoch: count,
  worker: z.string().optional(),
  name: z.string().optional().describe('Name of the error'),
  message: z.string().optional(),
  stack: z.string().optional(),
  code: z.string().optional(),
  durationMs: z.number().min(0).optional(),
  by: z.string().optional(),
  reason: z.string().optional(),
});

/** A task. */
export const taskSchema = z.object({
  id,
  queue,
  name: z.string(),
  state: taskStateSchema,
  payload: z.unknown().describe('As it was enqueued; text when it is not JSON'),
  headers: z.record(z.string(), z.string()),
  priority: z.int(),
  attempts: count.describe('Attempts that count, since it was enqueued or redriven'),
  maxAttempts: count,
  epoch: count.describe('How often it was claimed'),
  idempotencyKey: z.string().nullable(),
  enqueuedAt: time,
  runAt: time.describe('When it became or becomes due'),
  startedAt: time.nullable().describe('Start of the last claim'),
  leaseUntil: time.nullable(),
  worker: z.string().nullable(),
  finishedAt: time.nullable(),
  expiresAt: time.nullable().describe('When the finished task will be dropped'),
  result: z.unknown(),
  history: z.array(historyEntrySchema),
});

/** Output of `list`. */
export const taskPageSchema = z.object({
  items: z.array(taskSchema),
  nextCursor: z.string().nullable(),
});

/** Tasks by state. */
export const countsSchema = z.object({
  ready: count,
  scheduled: count,
  leased: count,
  completed: count,
  dead: count,
  cancelled: count,
});

/** A queue. */
export const queueInfoSchema = z.object({
  queue,
  paused: z.boolean(),
  pausedReason: z.string().nullable(),
  pausedBy: z.string().nullable(),
  counts: countsSchema,
  oldestReadyAgeSeconds: z
    .number()
    .min(0)
    .nullable()
    .describe('How long the task ready longest has been due'),
});

/** Output of `queues`. */
export const queueListSchema = z.object({ items: z.array(queueInfoSchema) });

/** Output of bulk changes. */
export const changedSchema = z.object({ changed: count.describe('How many tasks were changed') });

/** Who and why. */
export type Change = z.input<typeof changeSchema>;
/** Input of `list`. */
export type ListTasksInput = z.input<typeof listTasksSchema>;
/** Input of `redriveMany` and `purge`. */
export type BulkInput = z.input<typeof bulkSchema>;
/** A task, as plain data. */
export type TaskInfo = z.output<typeof taskSchema>;
/** A page of tasks. */
export type TaskPage = z.output<typeof taskPageSchema>;
/** A queue, as plain data. */
export type QueueInfo = z.output<typeof queueInfoSchema>;
/** Tasks by state. */
export type TaskCounts = z.output<typeof countsSchema>;
/** What a bulk change did. */
export type Changed = z.output<typeof changedSchema>;
