import type { AlterationBase } from './queue.js';
import type { NewTask } from './task.js';

/** When a schedule runs. */
export type ScheduleTiming =
  /** A cron expression of five or six fields (seconds first), in an IANA time zone. */
  | { readonly cron: string; readonly timeZone: string }
  /** Every `everyMs`, counted from `anchorMs` since 1970. */
  | { readonly everyMs: number; readonly anchorMs: number };

/**
 * What happens to runs that no process was there for. `skip`: a run more than `graceMs` late is left out. `once`: one
 * run for all of them. `all`: each of them, the latest `max` at most.
 */
export type MissedRuns =
  | { readonly policy: 'skip'; readonly graceMs: number }
  | { readonly policy: 'once' }
  | { readonly policy: 'all'; readonly max: number };

/** A schedule as it is handed to a store. */
export interface NewSchedule {
  /** Unique in its queue. */
  readonly id: string;
  readonly queue: string;
  readonly timing: ScheduleTiming;
  readonly missed: MissedRuns;
  /** No run at or after this time. */
  readonly untilMs?: number;
  /** What each run enqueues; the run's time is its header `schedule-at` (ISO 8601), the id its header `schedule-id`. */
  readonly task: Omit<NewTask, 'id' | 'when' | 'queue' | 'waitFor'>;
}

/** A schedule as it is kept. */
export interface ScheduleRecord extends NewSchedule {
  readonly paused: boolean;
  /** Null when there is none any more. */
  readonly nextRunAt: number | null;
  readonly lastRunAt: number | null;
  /** How many tasks it enqueued. */
  readonly runs: number;
}

/**
 * A change to schedules, with who makes it and why, for the event of it. `upsert` keeps the next run where the timing stays the same, so a deployment changes nothing.
 * A resumed schedule goes on with the next run from now.
 */
export type ScheduleOp = AlterationBase &
  (
    | { readonly kind: 'upsert'; readonly schedule: NewSchedule }
    | { readonly kind: 'remove' | 'pause' | 'resume'; readonly queue: string; readonly id: string }
  );

/** A page of schedules, by queue and id as the store orders text. */
export interface SchedulePage {
  readonly limit: number;
  /** Starts after this one. */
  readonly after?: { readonly queue: string; readonly id: string };
}

/** Which schedules. All given parts must hold. */
export interface ScheduleFilter {
  readonly queue?: string;
  readonly ids?: readonly string[];
}
