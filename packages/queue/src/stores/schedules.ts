import { firstRun } from '../schedule/plan.js';
import type {
  NewSchedule,
  NewTask,
  ScheduleOp,
  ScheduleRecord,
  StoredEventType,
} from '../store.js';
import { uuidv7 } from '../uuid.js';

/** A schedule, but for how often it ran. */
export type ScheduleState = Omit<ScheduleRecord, 'runs'>;

/** What a change makes of a schedule; null where there is none then. Throws for a timing that is wrong. */
export function afterwards(
  old: ScheduleState | undefined,
  op: ScheduleOp,
  now: number,
): ScheduleState | null {
  if (op.kind === 'upsert') return upserted(old, op.schedule, now);
  if (old === undefined || op.kind === 'remove') return null;
  if (op.kind === 'pause') return { ...old, paused: true, nextRunAt: null };
  return old.paused ? { ...old, paused: false, nextRunAt: firstRun(old, now) } : old;
}

function upserted(
  old: ScheduleState | undefined,
  schedule: NewSchedule,
  now: number,
): ScheduleState {
  const { paused = false, lastRunAt = null } = old ?? {};
  const first = firstRun(schedule, now);
  const goesOn = old !== undefined && timingOf(old) === timingOf(schedule);
  const nextRunAt = goesOn ? old.nextRunAt : paused ? null : first;
  return { ...schedule, paused, nextRunAt, lastRunAt };
}

function timingOf({ timing, untilMs }: Pick<NewSchedule, 'timing' | 'untilMs'>): string {
  const parts =
    'cron' in timing ? [timing.cron, timing.timeZone] : [timing.everyMs, timing.anchorMs];
  return JSON.stringify([...parts, untilMs ?? null]);
}

/** The event of a change to a schedule; undefined where all stays as it was. */
export function scheduleEvent(
  { kind }: ScheduleOp,
  old: ScheduleState | undefined,
  state: ScheduleState | null,
): StoredEventType | undefined {
  if (kind === 'upsert') {
    const same = old !== undefined && state !== null && definitionOf(old) === definitionOf(state);
    return same ? undefined : 'schedule.changed';
  }
  if (old === undefined) return undefined;
  if (kind === 'remove') return 'schedule.removed';
  if (old.paused === (kind === 'pause')) return undefined;
  return kind === 'pause' ? 'schedule.paused' : 'schedule.resumed';
}

/** As text that is the same for the same: what is undefined is absent, in whatever order the rest is. */
function definitionOf({ timing, missed, untilMs, task }: NewSchedule): string {
  const fields = Object.entries(task).filter(([, value]) => value !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([timing, missed, untilMs, fields]);
}

/** The task of a run. */
export function taskOfRun({ task, queue, id }: NewSchedule, run: number): NewTask {
  const at = new Date(run).toISOString();
  const headers = { ...task.headers, 'schedule-id': id, 'schedule-at': at };
  return { ...task, id: uuidv7(), queue, headers, when: { delayMs: 0 } };
}
