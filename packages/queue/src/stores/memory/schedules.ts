import { firstRun, planRuns } from '../../schedule/plan.js';
import type {
  NewTask,
  ScheduleFilter,
  ScheduleOp,
  SchedulePage,
  ScheduleRecord,
  StoredEvent,
} from '../../store.js';
import { whoOf } from '../../who.js';
import { afterwards, scheduleEvent, taskOfRun } from '../schedules.js';

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
      const { queue, id } = op.kind === 'upsert' ? op.schedule : op;
      const name = nameOf({ queue, id });
      const old = this.#byName.get(name);
      const state = afterwards(old, op, now);
      const type = scheduleEvent(op, old, state);
      if (type !== undefined) note({ type, queue, subject: id, ...whoOf(op) });
      if (state === null) {
        this.#byName.delete(name);
        return null;
      }
      const kept: Kept = { ...state, runs: old?.runs ?? 0 };
      this.#byName.set(name, kept);
      return { ...kept };
    });
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
        if (!add(taskOfRun(kept, run), kept.id)) continue;
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
