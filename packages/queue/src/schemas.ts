import { z } from 'zod';
import type {
  BulkInput,
  BulkQuery,
  CancelInput,
  CancelManyInput,
  Change,
  Changed,
  CleanInput,
  ListQueuesInput,
  ListTasksInput,
  ListTasksQuery,
  MoveManyInput,
  QueueInfo,
  QueueList,
  RedriveInput,
  RedriveManyInput,
  ReprioritiseManyInput,
  TaskCounts,
  TaskInfo,
  TaskPage,
} from './admin-data.js';
import { limitsSchema } from './schemas/limits.js';
import {
  by,
  count,
  paging,
  queueName as queue,
  reason,
  storedText,
  time,
} from './schemas/parts.js';
import type { HistoryKind, TaskState } from './store.js';

export type {
  Activity,
  ActivityInput,
  ActivityMinute,
  EventInfo,
  EventList,
  EventsInput,
} from './admin/activity-data.js';
export type {
  GroupLimitsData,
  LimitsInfo,
  LimitsInput,
  PrioritiesData,
  RateData,
} from './admin/limits-data.js';
export type { ListSchedulesInput, ScheduleInfo, ScheduleList } from './admin/schedule-data.js';

export type {
  BulkInput,
  BulkQuery,
  CancelInput,
  CancelManyInput,
  Change,
  Changed,
  CleanInput,
  HistoryInfo,
  ListQueuesInput,
  ListTasksInput,
  ListTasksQuery,
  MoveManyInput,
  QueueInfo,
  QueueList,
  RedriveInput,
  RedriveManyInput,
  ReprioritiseManyInput,
  TaskCounts,
  TaskFilterInput,
  TaskInfo,
  TaskPage,
} from './admin-data.js';
export {
  activityListSchema,
  activitySchema,
  type EventsQuery,
  eventListSchema,
  eventsInputSchema,
  eventTypeSchema,
} from './schemas/activity.js';
export { fromJson, jsonSchema, type Snake, type SnakeName, toJson } from './schemas/json.js';
export { limitsInputSchema, limitsSchema } from './schemas/limits.js';
export {
  listSchedulesSchema,
  outcomeSchema,
  scheduleListSchema,
  scheduleSchema,
} from './schemas/schedules.js';

const id = z
  .uuid()
  .describe('Id of a task')
  .meta({ examples: ['019a6b3e-7c1d-7f60-8a53-0d6a4b7f2c11'] });
const state = z
  .enum(['ready', 'scheduled', 'leased', 'completed', 'dead', 'cancelled'])
  .describe('ready, scheduled and leased tasks are still to be done; the others are finished');
const filter = z.strictObject({
  queue: queue.optional(),
  states: z.array(state).min(1).max(6).optional(),
  name: storedText(200).optional().describe('Name of the task definition'),
  ids: z.array(id).max(500).optional(),
  group: storedText(200).optional().describe('Key of a group'),
  blockedBy: z
    .enum(['children', 'group', 'none'])
    .optional()
    .describe('What blocked tasks wait for'),
  error: storedText(200).optional().describe('Name of the last error'),
  finishedFrom: time.optional().describe('Finished at or after this time'),
  finishedTo: time.optional().describe('Finished before this time'),
});
const historyKind: z.ZodType<HistoryKind> = z.enum([
  'error',
  'timeout',
  'invalid',
  'lapsed',
  'child',
  'redriven',
  'cancelled',
  'promoted',
  'reprioritised',
  'moved',
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
  child: z.string().optional().describe('Id of the child that failed'),
  edited: z.boolean().optional().describe('Whether it was redriven with another payload'),
  from: z.string().optional().describe('The queue that it was moved from'),
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
  group: z.string().optional(),
  blockedBy: z.enum(['children', 'group']).optional().describe('What a blocked task waits for'),
  children: z.array(id).optional().describe('The tasks it waits or waited for'),
  cancelRequested: z.boolean().optional(),
  progress: z.unknown().optional().describe('What its handler last reported'),
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
  blocked: count.describe('How many of the scheduled wait for children or for their group'),
  limits: limitsSchema.optional(),
});

/** Who changes something, and why: logged, and kept in the event of it, in the history of tasks and with a pause. */
export const changeSchema: z.ZodType<Change, Change> = z.strictObject({ by, reason });

/** The state of a task. */
export const taskStateSchema: z.ZodType<TaskState, TaskState> = state;

/** Input of `list`. */
export const listTasksSchema: z.ZodType<ListTasksQuery, ListTasksInput> = z.strictObject({
  filter: filter.default({}),
  sort: z.enum(['newest', 'oldest']).default('newest'),
  ...paging,
});

const bulk = z.strictObject({
  filter: filter.omit({ states: true }).default({}),
  limit: z.int().min(1).max(10_000).default(1_000),
  by,
  reason,
});
const running = z.boolean().default(false).describe('Also if it runs: its signal aborts');

/** Input of `purge` and `promoteMany`: which tasks, and how many at most. */
export const bulkSchema: z.ZodType<BulkQuery, BulkInput> = bulk;

/** Input of `redrive`. */
export const redriveSchema: z.ZodType<RedriveInput, RedriveInput> = z.strictObject({
  by,
  reason,
  payload: z.unknown().optional().describe('A JSON value in place of the payload'),
});

/** Input of `redriveMany`. */
export const redriveManySchema: z.ZodType<BulkQuery & { everyMs: number }, RedriveManyInput> =
  bulk.extend({
    everyMs: z.int().min(0).max(86_400_000).default(0).describe('From one task to the next'),
  });

/** Input of `cancel`. */
export const cancelSchema: z.ZodType<Change & { running: boolean }, CancelInput> = z.strictObject({
  by,
  reason,
  running,
});

/** Input of `cancelMany`. */
export const cancelManySchema: z.ZodType<BulkQuery & { running: boolean }, CancelManyInput> =
  bulk.extend({ running });

/** {@link CleanInput} with its defaults. */
export type CleanQuery = CleanInput & {
  filter: NonNullable<CleanInput['filter']>;
  limit: number;
};

/** Input of `clean`. */
export const cleanSchema: z.ZodType<CleanQuery, CleanInput> = bulk.extend({
  filter: filter
    .omit({ states: true })
    .extend({
      states: z
        .array(z.enum(['completed', 'dead', 'cancelled']))
        .min(1)
        .optional(),
    })
    .default({}),
});

/** A priority, for `reprioritise`. */
export const prioritySchema: z.ZodType<number, number> = z.int().min(-32_768).max(32_767);

/** Input of `reprioritiseMany`. */
export const reprioritiseManySchema: z.ZodType<
  BulkQuery & { priority: number },
  ReprioritiseManyInput
> = bulk.extend({ priority: prioritySchema });

/** {@link MoveManyInput} with its defaults. */
export type MoveManyQuery = MoveManyInput & {
  filter: NonNullable<MoveManyInput['filter']>;
  limit: number;
};

/** Input of `moveMany`. */
export const moveManySchema: z.ZodType<MoveManyQuery, MoveManyInput> = bulk.extend({
  filter: filter
    .omit({ states: true })
    .extend({
      states: z
        .array(z.enum(['ready', 'scheduled', 'dead']))
        .min(1)
        .optional(),
    })
    .default({}),
  to: queue.describe('The queue that they go to'),
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

/** Input of `queues`. */
export const listQueuesSchema: z.ZodType<ListQueuesInput & { limit: number }, ListQueuesInput> =
  z.strictObject(paging);

/** Output of `queues`. */
export const queueListSchema: z.ZodType<QueueList> = z.object({
  items: z.array(queueInfo),
  nextCursor: z.string().nullable(),
});

/** Output of bulk changes. */
export const changedSchema: z.ZodType<Changed> = z.object({
  changed: count.describe('How many tasks were changed'),
});
