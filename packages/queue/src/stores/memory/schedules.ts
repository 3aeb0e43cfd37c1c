import { firstRun, planRuns } from '../../schedule/plan.js';
import type {
  NewSchedule,
  NewTask,
  ScheduleFilter,
  ScheduleOp,
  SchedulePage,
  ScheduleRecord,
  ScheduleTiming,
  StoredEvent,
} from '../../store.js';
import { uuidv7 } from '../../uuid.js';
import { whoOf } from '../../who.js';
import { scheduleEvent } from '../common.js';

type Kept = { -readonly [Field in keyof ScheduleRecord]: ScheduleRecord[Field] };

/** The schedules of all queues. */
export class MemorySchedules {
  readonly #byName = new Map<string, Kept>();

  /** What is wrong with a timing is found before anything is changed. */
  apply(
    ops: readonly ScheduleOp[],
    now: number,
    note: (event: Omit<StoredEvent, 'cursor' | 'at'>) => void,
  ): (ScheduleRecord | null)[] {
    for (const op of ops) if (op.kind === 'upsert') firstRun(op.schedule, now);
    return ops.map((op) => {
      const { queue, id: subject } = op.kind === 'upsert' ? op.schedule : op;
      const known = this.#byName.get(nameOf({ queue, id: subject }));
      const old = known && { ...known };
      const kept = op.kind === 'upsert' ? this.#upsert(op.schedule, now) : this.#change(op, now);
      const type = scheduleEvent(op, old, kept);
      if (type !== undefined) note({ type, queue, subject, ...whoOf(op) });
      return kept === null ? null : { ...kept };
    });
  }

  #upsert(schedule: NewSchedule, now: number): Kept {
    const name = nameOf(schedule);
    const old = this.#byName.get(name);
    const { paused = false, lastRunAt = null, runs = 0 } = old ?? {};
    const goesOn = old !== undefined && sameTiming(old, schedule);
    const nextRunAt = goesOn ? old.nextRunAt : paused ? null : firstRun(schedule, now);
    const kept: Kept = { ...schedule, paused, nextRunAt, lastRunAt, runs };
    this.#byName.set(name, kept);
    return kept;
  }

  #change(op: Exclude<ScheduleOp, { kind: 'upsert' }>, now: number): Kept | null {
    const kept = this.#byName.get(nameOf(op));
    if (kept === undefined) return null;
    if (op.kind === 'remove') {
      this.#byName.delete(nameOf(op));
      return null;
    }
    if (op.kind === 'pause') {
      kept.paused = true;
      kept.nextRunAt = null;
    } else if (kept.paused) {
      kept.paused = false;
      kept.nextRunAt = firstRun(kept, now);
    }
    return kept;
  }

  list({ queue, ids }: ScheduleFilter, page?: SchedulePage): ScheduleRecord[] {
    const after = page?.after === undefined ? undefined : nameOf(page.after);
    return [...this.#byName.entries()]
      .filter(
        ([name, kept]) =>
          (after === undefined || name > after) &&
          (queue === undefined || kept.queue === queue) &&
          (ids === undefined || ids.includes(kept.id)),
      )
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, page?.limit)
      .map(([, kept]) => ({ ...kept }));
  }

  /** Fires at most `limit` due schedules. `add` enqueues a task and says whether it was added. */
  fire(limit: number, now: number, add: (task: NewTask, schedule: string) => boolean): number {
    const due = [...this.#byName.values()]
      .filter(({ nextRunAt }) => nextRunAt !== null && nextRunAt <= now)
      .sort(firesBefore);
    let fired = 0;
    for (const kept of due.slice(0, limit)) {
      const { runs, next } = planRuns(kept, now);
      kept.nextRunAt = next;
      for (const run of runs) {
        kept.lastRunAt = run;
        if (!add(taskOf(kept, run), kept.id)) continue;
        kept.runs++;
        fired++;
      }
    }
    return fired;
  }
}

/** What was due first comes first. */
function firesBefore(a: Kept, b: Kept): number {
  const [at, bt] = [a.nextRunAt ?? 0, b.nextRunAt ?? 0];
  return at === bt ? (nameOf(a) < nameOf(b) ? -1 : 1) : at - bt;
}

function nameOf({ queue, id }: { queue: string; id: string }): string {
  return `${queue}\0${id}`;
}

function sameTiming(a: Pick<NewSchedule, 'timing' | 'untilMs'>, b: typeof a): boolean {
  return a.untilMs === b.untilMs && textOf(a.timing) === textOf(b.timing);
}

function textOf(timing: ScheduleTiming): string {
  return 'cron' in timing
    ? `${timing.cron} ${timing.timeZone}`
    : `${timing.everyMs} ${timing.anchorMs}`;
}

function taskOf({ task, queue, id }: ScheduleRecord, run: number): NewTask {
  const at = new Date(run).toISOString();
  const headers = { ...task.headers, 'schedule-id': id, 'schedule-at': at };
  return { ...task, id: uuidv7(), queue, headers, when: { delayMs: 0 } };
}
