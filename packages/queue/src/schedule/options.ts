import type { Duration } from '../duration.js';
import type { TaskPlacement } from '../new-task.js';
import {
  DATE_RULE,
  dateMs,
  durationOption,
  integerOption,
  invalidOption,
  knownOptions,
} from '../options.js';
import type { MissedRuns, ScheduleTiming } from '../store.js';
import { parseCron } from './plan.js';

/** When a schedule runs, and how its tasks are enqueued. */
export interface ScheduleOptions extends TaskPlacement {
  /** A cron expression of five fields, or six with seconds first. Either this or `every`. */
  cron?: string;
  /**
   * IANA name of the time zone of `cron`. A time of day that is skipped in spring runs at the change; one that comes
   * twice in autumn runs the first time.
   * @defaultValue `'UTC'`
   */
  timeZone?: string;
  /** At each multiple of this since `from`; at least a second. */
  every?: Duration;
  /**
   * What `every` counts from.
   * @defaultValue 1970-01-01T00:00:00Z
   */
  from?: Date;
  /** No run at or after this time. */
  until?: Date;
  /**
   * What happens to runs that no process was there for: `skip` leaves out what is later than `grace`, `once` makes up
   * for all of them with one task, `all` with a task for each, the latest `max` at most.
   * @defaultValue `'once'`
   */
  missed?:
    | 'skip'
    | 'once'
    | 'all'
    | { policy: 'skip'; grace: Duration }
    | { policy: 'all'; max: number };
  /**
   * Whether a run starts while the task of an earlier one is live; `skip` leaves it out.
   * @defaultValue `'allow'`
   */
  overlap?: 'allow' | 'skip';
  /** Who makes or changes it, for the event of that; at most 200 characters. */
  by?: string;
  /** Why, for the event of that; at most 1000 characters. */
  reason?: string;
}

/** The names of {@link ScheduleOptions}. */
export const SCHEDULE_OPTIONS: readonly string[] = [
  ...['cron', 'timeZone', 'every', 'from', 'until', 'missed', 'overlap'],
  ...['priority', 'group', 'headers', 'by', 'reason'],
];

const GRACE_MS = 60_000;
const MAX_RUNS = 100;
const MAX_CRON_CHARS = 500;

/** @throws QueueError `QUEUE_OPTION_INVALID` */
export function timingOf(options: ScheduleOptions): ScheduleTiming {
  const { cron, every, timeZone, from } = options;
  if ((cron === undefined) === (every === undefined)) {
    throw invalidOption('options.cron', 'given, or else options.every, but not both', cron);
  }
  if (cron === undefined) {
    if (timeZone !== undefined)
      throw invalidOption('options.timeZone', 'absent where every is given', timeZone);
    const everyMs = Math.round(durationOption('options.every', every, 0, 1_000));
    return { everyMs, anchorMs: from === undefined ? 0 : timeOf('options.from', from) };
  }
  if (from !== undefined) throw invalidOption('options.from', 'absent where cron is given', from);
  const timing = { cron, timeZone: timeZone === undefined ? 'UTC' : timeZone };
  checkCron(timing);
  return timing;
}

function checkCron({ cron, timeZone }: { cron: string; timeZone: string }): void {
  if (!isTimeZone(timeZone)) {
    throw invalidOption('options.timeZone', 'an IANA time zone, such as Europe/Berlin', timeZone);
  }
  const short = typeof cron === 'string' && cron.length <= MAX_CRON_CHARS;
  const fields = short ? cron.trim().split(/\s+/).length : 0;
  let fits = fields === 5 || fields === 6;
  try {
    if (fits) parseCron(cron, timeZone);
  } catch {
    fits = false;
  }
  if (!fits) throw invalidOption('options.cron', 'a cron expression of five or six fields', cron);
}

function isTimeZone(name: unknown): boolean {
  try {
    return typeof name === 'string' && new Intl.DateTimeFormat('en', { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

/** @throws QueueError `QUEUE_OPTION_INVALID` */
export function timeOf(path: string, date: Date): number {
  const ms = dateMs(date);
  if (Number.isNaN(ms)) throw invalidOption(path, DATE_RULE, date);
  return ms;
}

/** @throws QueueError `QUEUE_OPTION_INVALID` */
export function missedOf(missed: ScheduleOptions['missed'] = 'once'): MissedRuns {
  const path = 'options.missed';
  const given = typeof missed === 'string' ? { policy: missed } : missed;
  switch (given?.policy) {
    case 'once':
      knownOptions(path, given, ['policy']);
      return { policy: 'once' };
    case 'skip': {
      knownOptions(path, given, ['policy', 'grace']);
      const grace = 'grace' in given ? given.grace : undefined;
      return { policy: 'skip', graceMs: durationOption(`${path}.grace`, grace, GRACE_MS) };
    }
    case 'all': {
      knownOptions(path, given, ['policy', 'max']);
      const max = 'max' in given ? given.max : undefined;
      return { policy: 'all', max: integerOption(`${path}.max`, max, MAX_RUNS, [1, 10_000]) };
    }
    default:
      throw invalidOption(path, "'skip', 'once' or 'all'", missed);
  }
}
