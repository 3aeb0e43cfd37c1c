import type { StoredEventType } from '../store.js';

/** An event of a store, as plain data. */
export interface EventInfo {
  /** To go on after it. */
  id: string;
  /** ISO 8601, UTC. */
  at: string;
  type: StoredEventType;
  queue: string;
  /** Id of the task or the schedule, or the queue's name. */
  subject: string;
  data: {
    /** Name of the task. */
    name?: string | undefined;
    epoch?: number | undefined;
    progress?: unknown;
    /** Who did it, where an operator did and said so; `reason` is why. */
    by?: string | undefined;
    reason?: string | undefined;
    /** The queue that a task was moved from. */
    from?: string | undefined;
    /** How many tasks were cleaned away. */
    count?: number | undefined;
  };
}

/** Input of `events`. */
export interface EventsInput {
  /** `cursor` of the page before; `latest` for what comes from now on; absent for all that is kept. */
  after?: string | undefined;
  queues?: string[] | undefined;
  types?: StoredEventType[] | undefined;
  /**
   * From 1 to 500.
   * @defaultValue 50
   */
  limit?: number | undefined;
  /**
   * Waits for a first event, at most 30000 milliseconds.
   * @defaultValue 0
   */
  waitMs?: number | undefined;
}

/** Output of `events`. */
export interface EventList {
  items: EventInfo[];
  cursor: string;
  /** Whether events after the one asked for are gone already. */
  gap: boolean;
}

/** Input of `activity`. */
export interface ActivityInput {
  /**
   * ISO 8601.
   * @defaultValue an hour before `to`
   */
  from?: string | undefined;
  /**
   * ISO 8601.
   * @defaultValue now
   */
  to?: string | undefined;
}

/** A minute of a queue, as plain data. Latencies are of that minute, null where there was none. */
export interface ActivityMinute {
  /** Its begin, ISO 8601, UTC. */
  at: string;
  added: number;
  started: number;
  completed: number;
  failed: number;
  dead: number;
  /** From due to started, on average. */
  waitMs: number | null;
  waitMaxMs: number;
  /** From started to ended, on average. */
  runMs: number | null;
  runMaxMs: number;
}

/** Output of `activity`: only minutes in which something happened. */
export interface Activity {
  items: ActivityMinute[];
}
