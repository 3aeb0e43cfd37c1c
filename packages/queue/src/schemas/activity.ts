import { z } from 'zod';
import type { Activity, ActivityInput, EventList, EventsInput } from '../admin/activity-data.js';
import type { StoredEventType } from '../store.js';
import { count, queueName, storedText, time } from './parts.js';

/** The type of an event. */
export const eventTypeSchema: z.ZodType<StoredEventType, StoredEventType> = z.enum([
  'task.added',
  'task.started',
  'task.progress',
  'task.completed',
  'task.failed',
  'task.dead',
  'task.lapsed',
  'task.released',
  'task.cancelled',
  'task.redriven',
  'task.promoted',
  'task.reprioritised',
  'task.moved',
  'task.removed',
  'queue.paused',
  'queue.resumed',
  'queue.changed',
  'queue.cleaned',
  'queue.drained',
  'schedule.fired',
  'schedule.changed',
  'schedule.paused',
  'schedule.resumed',
  'schedule.removed',
]);

/** {@link EventsInput} with its defaults. */
export interface EventsQuery extends EventsInput {
  limit: number;
  waitMs: number;
}

/** Input of `events`. */
export const eventsInputSchema: z.ZodType<EventsQuery, EventsInput> = z.strictObject({
  after: storedText(200).optional().describe('`cursor` of the page before, or `latest`'),
  queues: z.array(queueName).min(1).max(500).optional(),
  types: z.array(eventTypeSchema).min(1).optional(),
  limit: z.int().min(1).max(500).default(50),
  waitMs: z.int().min(0).max(30_000).default(0).describe('Waits so long for a first event'),
});

/** Output of `events`. */
export const eventListSchema: z.ZodType<EventList> = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      at: time,
      type: eventTypeSchema,
      queue: queueName,
      subject: z.string().describe("Id of the task or the schedule, or the queue's name"),
      data: z.object({
        name: z.string().optional(),
        epoch: count.optional(),
        progress: z.unknown().optional(),
        by: z.string().optional().describe('Who did it'),
        reason: z.string().optional().describe('Why'),
        from: z.string().optional().describe('The queue that a task was moved from'),
        count: count.optional().describe('How many tasks were cleaned away'),
      }),
    }),
  ),
  cursor: z.string().describe('To go on with'),
  gap: z.boolean().describe('Whether events after the one asked for are gone already'),
});

/** Input of `activity`. */
export const activitySchema: z.ZodType<ActivityInput, ActivityInput> = z.strictObject({
  from: time.optional().describe('An hour before `to` by default'),
  to: time.optional().describe('Now by default'),
});

const latency = z.number().min(0).nullable();

/** Output of `activity`. */
export const activityListSchema: z.ZodType<Activity> = z.object({
  items: z.array(
    z.object({
      at: time,
      added: count,
      started: count,
      completed: count,
      failed: count.describe('Attempts that failed and will be repeated'),
      dead: count,
      waitMs: latency.describe('From due to started, on average'),
      waitMaxMs: z.number().min(0),
      runMs: latency.describe('From started to ended, on average'),
      runMaxMs: z.number().min(0),
    }),
  ),
});
