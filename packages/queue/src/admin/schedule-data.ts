/** A schedule, as plain data; times are ISO 8601, UTC. */
export interface ScheduleInfo {
  queue: string;
  id: string;
  /** Name of the task that each run enqueues. */
  task: string;
  payload: unknown;
  /** Either this, with its time zone, or `everyMs`. */
  cron?: string | undefined;
  timeZone?: string | undefined;
  everyMs?: number | undefined;
  missed: 'skip' | 'once' | 'all';
  paused: boolean;
  nextRunAt: string | null;
  lastRunAt: string | null;
  until: string | null;
  /** How many tasks it enqueued. */
  runs: number;
}

/** Input of `schedules`. */
export interface ListSchedulesInput {
  queue?: string | undefined;
  /**
   * From 1 to 500.
   * @defaultValue 50
   */
  limit?: number | undefined;
  /** `nextCursor` of the page before. */
  cursor?: string | null | undefined;
}

/** Output of `schedules`. */
export interface ScheduleList {
  items: ScheduleInfo[];
  nextCursor: string | null;
}
