import { z } from 'zod';
import type { ListSchedulesInput, ScheduleInfo, ScheduleList } from '../admin/schedule-data.js';
import type { EnqueueOutcome } from '../store.js';
import { count, paging, queueName, time } from './parts.js';

const schedule = z.object({
  queue: queueName,
  id: z.string().describe('Unique in its queue'),
  task: z.string().describe('Name of the task that each run enqueues'),
  payload: z.unknown(),
  cron: z.string().optional(),
  timeZone: z.string().optional().describe('IANA name'),
  everyMs: count.optional(),
  missed: z
    .enum(['skip', 'once', 'all'])
    .describe('What happens to runs that no process was there for'),
  paused: z.boolean(),
  nextRunAt: time.nullable(),
  lastRunAt: time.nullable(),
  until: time.nullable(),
  runs: count.describe('How many tasks it enqueued'),
});

/** Input of `schedules`. */
export const listSchedulesSchema: z.ZodType<
  ListSchedulesInput & { limit: number },
  ListSchedulesInput
> = z.strictObject({ queue: queueName.optional(), ...paging });

/** A schedule. */
export const scheduleSchema: z.ZodType<ScheduleInfo> = schedule;

/** Output of `triggerSchedule`, and of an enqueue. */
export const outcomeSchema: z.ZodType<EnqueueOutcome> = z.object({
  outcome: z.enum(['added', 'duplicate', 'replaced', 'merged']),
  id: z.uuid().describe('Of the task added, or of the one that holds the idempotency key'),
});

/** Output of `schedules`. */
export const scheduleListSchema: z.ZodType<ScheduleList> = z.object({
  items: z.array(schedule),
  nextCursor: z.string().nullable(),
});
