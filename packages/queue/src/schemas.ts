import { z } from 'zod';
import type {
  BulkInput,
  BulkQuery,
  Change,
  Changed,
  ListTasksInput,
  ListTasksQuery,
  QueueInfo,
  TaskCounts,
  TaskInfo,
  TaskPage,
} from './admin-data.js';
import type { HistoryKind, TaskState } from './store.js';

export type {
  BulkInput,
  BulkQuery,
  Change,
  Changed,
  HistoryInfo,
  ListTasksInput,
  ListTasksQuery,
  QueueInfo,
  TaskCounts,
  TaskFilterInput,
  TaskInfo,
  TaskPage,
} from './admin-data.js';

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
const by = z.string().min(1).max(200).optional().describe('Who does it');
const reason = z.string().min(1).max(1000).optional().describe('Why');
const state = z
  .enum(['ready', 'scheduled', 'leased', 'completed', 'dead', 'cancelled'])
  .describe('ready, scheduled and leased tasks are still to be done; the others are finished');
const filter = z.strictObject({
  queue: queue.optional(),
  states: z.array(state).min(1).max(6).optional(),
  name: z.string().min(1).max(200).optional().describe('Name of the task definition'),
  ids: z.array(id).max(500).optional(),
});
const historyKind: z.ZodType<HistoryKind> = z.enum([
  'error',
  'timeout',
  'invalid',
  'lapsed',
  'redriven',
  'cancelled',
]);
const historyEntry = z.object({
  kind: historyKind,
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
const task = z.object({
  id,
  queue,
  name: z.string(),
  state,
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
  history: z.array(historyEntry),
});
const counts = z.object({
  ready: count,
  scheduled: count,
  leased: count,
  completed: count,
  dead: count,
  cancelled: count,
});
const queueInfo = z.object({
  queue,
  paused: z.boolean(),
  pausedReason: z.string().nullable(),
  pausedBy: z.string().nullable(),
  counts,
  oldestReadyAgeSeconds: z
    .number()
    .min(0)
    .nullable()
    .describe('How long the task ready longest has been due'),
});

/** Who changes something, and why: recorded in the history or the settings, and logged. */
export const changeSchema: z.ZodType<Change, Change> = z.strictObject({ by, reason });

/** The state of a task. */
export const taskStateSchema: z.ZodType<TaskState, TaskState> = state;

/** Input of `list`. */
export const listTasksSchema: z.ZodType<ListTasksQuery, ListTasksInput> = z.strictObject({
  filter: filter.default({}),
  sort: z.enum(['newest', 'oldest']).default('newest'),
  limit: z.int().min(1).max(500).default(50),
  cursor: z.string().max(200).nullish().describe('`nextCursor` of the page before'),
});

/** Input of `redriveMany` and `purge`: which dead letters, and how many at most. */
export const bulkSchema: z.ZodType<BulkQuery, BulkInput> = z.strictObject({
  filter: filter.omit({ states: true }).default({}),
  limit: z.int().min(1).max(10_000).default(1_000),
  by,
  reason,
});

/** A task. */
export const taskSchema: z.ZodType<TaskInfo> = task;

/** Output of `list`. */
export const taskPageSchema: z.ZodType<TaskPage> = z.object({
  items: z.array(task),
  nextCursor: z.string().nullable(),
});

/** Tasks by state. */
export const countsSchema: z.ZodType<TaskCounts> = counts;

/** A queue. */
export const queueInfoSchema: z.ZodType<QueueInfo> = queueInfo;

/** Output of `queues`. */
export const queueListSchema: z.ZodType<{ items: QueueInfo[] }> = z.object({
  items: z.array(queueInfo),
});

/** Output of bulk changes. */
export const changedSchema: z.ZodType<Changed> = z.object({
  changed: count.describe('How many tasks were changed'),
});
