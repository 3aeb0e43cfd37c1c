import type { SqlTransaction } from '@holdfast/sql';
import { firstRun, planRuns } from '../../schedule/plan.js';
import type {
  NewSchedule,
  ScheduleFilter,
  ScheduleOp,
  SchedulePage,
  ScheduleRecord,
} from '../../store.js';
import { whoOf } from '../../who.js';
import { nearestPriority } from '../common.js';
import { afterwards, scheduleEvent, taskOfRun } from '../schedules.js';
import type { Enqueuer } from './enqueuer.js';
import type { Runner } from './runner.js';
import { rangeOf } from './stats.js';

interface Row extends Record<string, unknown> {
  definition: string;
  paused: boolean;
  next_run_at: number | null;
  last_run_at: number | null;
  runs: number;
}

interface DueRow extends Row {
  priority_min: number | null;
  priority_max: number | null;
}

/** Schedules as rows. Whoever moves the next run of one on, from the time it had, enqueues its tasks. */
export class Schedules {
  readonly #runner: Runner;
  readonly #enqueuer: Enqueuer;
  readonly #schema: string;

  constructor(runner: Runner, enqueuer: Enqueuer, schema: string) {
    this.#runner = runner;
    this.#enqueuer = enqueuer;
    this.#schema = schema;
  }

  apply(ops: readonly ScheduleOp[]): Promise<(ScheduleRecord | null)[]> {
    return this.#runner.transaction(async (tx) => {
      const now = await this.#runner.now(this.#schema, tx);
      // What is wrong with a timing is found before anything is changed.
      for (const op of ops) if (op.kind === 'upsert') firstRun(op.schedule, now);
      const records: (ScheduleRecord | null)[] = [];
      for (const op of ops) records.push(await this.#applyOne(tx, op, now));
      return records;
    });
  }

  async list({ queue, ids }: ScheduleFilter, page?: SchedulePage): Promise<ScheduleRecord[]> {
    const { rows } = await this.#runner.query<Row>({
      text: `select * from ${this.#schema}.queue_schedule
        where ($1::text is null or queue = $1) and ($2::text[] is null or id = any($2))
          and ($3::text is null or (queue collate "C", id collate "C") > ($3, $4::text))
        order by queue collate "C", id collate "C" limit $5::integer`,
      values: [
        queue ?? null,
        ids ?? null,
        page?.after?.queue ?? null,
        page?.after?.id ?? null,
        page?.limit ?? null,
      ],
    });
    return rows.map(toSchedule);
  }

  /** Fires at most `limit` due schedules; how many tasks were added. */
  async fire(limit: number): Promise<number> {
    const now = await this.#runner.now(this.#schema);
    const { rows } = await this.#runner.query<DueRow>({
      text: `select d.*, q.priority_min, q.priority_max from ${this.#schema}.queue_schedule d
        left join ${this.#schema}.queue_setting q on q.queue = d.queue
        where d.next_run_at <= $1
        order by d.next_run_at, d.queue collate "C", d.id collate "C" limit $2`,
      values: [now, limit],
    });
    let fired = 0;
    for (const row of rows) {
      const due = toSchedule(row);
      const priority = nearestPriority(rangeOf(row), due.task.priority);
      fired += await this.#fireOne({ ...due, task: { ...due.task, priority } }, now);
    }
    return fired;
  }

  /** One that another process has in hand is left to it: were that one frozen there, all that sweep would wait for it. */
  #fireOne(schedule: ScheduleRecord, now: number): Promise<number> {
    const { runs, next } = planRuns(schedule, now);
    const { queue, id, nextRunAt } = schedule;
    return this.#runner.transaction(async (tx) => {
      const { rowCount } = await tx.query(
        `with due as (
            select queue, id from ${this.#schema}.queue_schedule
            where queue = $1 and id = $2 and next_run_at = $3 and not paused
            for update skip locked)
          update ${this.#schema}.queue_schedule s
          set next_run_at = $4, last_run_at = coalesce($5, s.last_run_at)
          from due where s.queue = due.queue and s.id = due.id`,
        [queue, id, nextRunAt, next, runs.at(-1) ?? null],
      );
      if (rowCount === 0 || runs.length === 0) return 0;
      let added = 0;
      for (const run of runs) {
        const [outcome] = await this.#enqueuer.add([taskOfRun(schedule, run)], tx);
        if (outcome?.outcome !== 'added') continue;
        added++;
        await tx.query(
          `select ${this.#schema}.queue_note_v1('schedule.fired', $1, $2, $3, null, null, ${this.#schema}.queue_now())`,
          [queue, id, schedule.task.name],
        );
      }
      await tx.query(
        `update ${this.#schema}.queue_schedule set runs = runs + $3 where queue = $1 and id = $2`,
        [queue, id, added],
      );
      return added;
    });
  }

  async #applyOne(tx: SqlTransaction, op: ScheduleOp, now: number): Promise<ScheduleRecord | null> {
    const { queue, id } = op.kind === 'upsert' ? op.schedule : op;
    const { rows } = await tx.query<Row>(
      `select * from ${this.#schema}.queue_schedule where queue = $1 and id = $2 for update`,
      [queue, id],
    );
    const old = rows[0] && toSchedule(rows[0]);
    const state = afterwards(old, op, now);
    const type = scheduleEvent(op, old, state);
    if (type !== undefined) {
      const who = JSON.stringify(whoOf(op));
      await tx.query(
        `select ${this.#schema}.queue_note_v1($1, $2, $3, null, null, $4, ${this.#schema}.queue_now())`,
        [type, queue, id, who],
      );
    }
    if (op.kind === 'remove') {
      await tx.query(`delete from ${this.#schema}.queue_schedule where queue = $1 and id = $2`, [
        queue,
        id,
      ]);
      return null;
    }
    if (state === null) return null;
    const record = { ...state, runs: old?.runs ?? 0 };
    const { paused, nextRunAt, lastRunAt, runs, ...definition } = record;
    await tx.query(
      `insert into ${this.#schema}.queue_schedule (queue, id, definition, paused, next_run_at, last_run_at, runs)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (queue, id) do update set definition = excluded.definition, paused = excluded.paused,
          next_run_at = excluded.next_run_at`,
      [queue, id, JSON.stringify(definition), paused, nextRunAt, lastRunAt, runs],
    );
    return record;
  }
}

function toSchedule(row: Row): ScheduleRecord {
  const definition: NewSchedule = JSON.parse(row.definition);
  const { paused, next_run_at: nextRunAt, last_run_at: lastRunAt, runs } = row;
  return { ...definition, paused, nextRunAt, lastRunAt, runs };
}
