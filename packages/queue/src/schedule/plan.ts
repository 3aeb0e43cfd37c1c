import { Cron } from 'croner';
import type { ScheduleRecord, ScheduleTiming } from '../store.js';

/** Parsed expressions: a sweep asks for the same ones again and again. */
const parsed = new Map<string, Cron>();
const MAX_PARSED = 1_000;

/** @throws RangeError or TypeError when the expression or the time zone makes no sense */
export function parseCron(expression: string, timeZone: string): Cron {
  const name = `${timeZone}\0${expression}`;
  const known = parsed.get(name);
  if (known !== undefined) return known;
  const cron = new Cron(expression, { timezone: timeZone, paused: true });
  cron.nextRun(); // an unknown time zone is noticed only here
  if (parsed.size >= MAX_PARSED) parsed.clear();
  parsed.set(name, cron);
  return cron;
}

/**
 * The first run after a time, null where there is none. A time of day that the clock skips in spring runs at the
 * moment of the change; one that comes twice in autumn runs the first time.
 */
export function nextRun(timing: ScheduleTiming, afterMs: number): number | null {
  if ('everyMs' in timing) {
    const { everyMs, anchorMs } = timing;
    return anchorMs + (Math.floor((afterMs - anchorMs) / everyMs) + 1) * everyMs;
  }
  return parseCron(timing.cron, timing.timeZone).nextRun(new Date(afterMs))?.getTime() ?? null;
}

/** The last runs in [fromMs, toMs], at most `count`, oldest first; `fromMs` is a run. */
function lastRuns(timing: ScheduleTiming, fromMs: number, toMs: number, count: number): number[] {
  if ('everyMs' in timing) {
    const { everyMs, anchorMs } = timing;
    const last = anchorMs + Math.floor((toMs - anchorMs) / everyMs) * everyMs;
    const runs = Math.min(count, Math.floor((last - fromMs) / everyMs) + 1);
    return Array.from({ length: runs }, (_, index) => last - (runs - 1 - index) * everyMs);
  }
  // Forwards first: mostly there is one, and to look back from now costs as much as `count` runs.
  const runs: number[] = [];
  for (let at: number | null = fromMs; at !== null && at <= toMs; at = nextRun(timing, at)) {
    if (runs.push(at) > count) break;
  }
  if (runs.length <= count) return runs;
  // Runs are at whole seconds, and croner looks strictly before.
  const before = new Date(Math.floor(toMs / 1_000) * 1_000 + 1_000);
  const back = parseCron(timing.cron, timing.timeZone).previousRuns(count, before);
  return back.map((run) => run.getTime()).reverse();
}

/** The first run of a schedule after a time, null where its end comes first. */
export function firstRun(
  { timing, untilMs }: Pick<ScheduleRecord, 'timing' | 'untilMs'>,
  afterMs: number,
): number | null {
  const next = nextRun(timing, afterMs);
  return next !== null && untilMs !== undefined && next >= untilMs ? null : next;
}

/** What a due schedule enqueues now, and when it is due again. */
export interface PlannedRuns {
  readonly runs: readonly number[];
  readonly next: number | null;
}

/**
 * Which runs a schedule owes at a time, by its policy for missed ones. For stores: they enqueue a task for each and set
 * the next run, provided that `nextRunAt` is still what it was.
 */
export function planRuns(schedule: ScheduleRecord, now: number): PlannedRuns {
  const { timing, missed, nextRunAt, untilMs } = schedule;
  if (nextRunAt === null || nextRunAt > now) return { runs: [], next: nextRunAt };
  const last = untilMs === undefined ? now : Math.min(now, untilMs - 1);
  const count = missed.policy === 'all' ? missed.max : 1;
  const owed = lastRuns(timing, nextRunAt, last, count).filter(
    (run) => missed.policy !== 'skip' || now - run <= missed.graceMs,
  );
  return { runs: owed, next: firstRun(schedule, now) };
}
