import { QueueError } from '../../errors.js';
import { planRuns } from '../../schedule/plan.js';
import type { ScheduleFilter, ScheduleOp, SchedulePage, ScheduleRecord } from '../../store.js';
import { whoOf } from '../../who.js';
import { afterwards, type ScheduleState, scheduleEvent, taskOfRun } from '../schedules.js';
import { enqueueReply } from './replies.js';
import { enqueueArgs } from './requests.js';
import type { Script } from './script.js';
import type { Scripts } from './scripts.js';

/** Name, JSON and number of runs. */
type Row = [name: string, text: string, runs: number];

/** How often a change is made anew when others change the same at the same time. */
const MOST_TRIES = 20;

const nameOf = ({ queue, id }: { queue: string; id: string }): string =>
  `${Buffer.byteLength(queue)}:${queue}${id}`;

/** The schedules of a store. Each change is a compare-and-set, so a run is never enqueued twice. */
export class RedisSchedules {
  readonly #scripts: Scripts;
  readonly #run: (script: Script, args: readonly (string | number)[]) => Promise<unknown>;

  constructor(
    scripts: Scripts,
    run: (script: Script, args: readonly (string | number)[]) => Promise<unknown>,
  ) {
    this.#scripts = scripts;
    this.#run = run;
  }

  async apply(ops: readonly ScheduleOp[]): Promise<(ScheduleRecord | null)[]> {
    if (ops.length === 0) return [];
    const names = [...new Set(ops.map((op) => nameOf(op.kind === 'upsert' ? op.schedule : op)))];
    for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
      const { now, rows } = await this.#read(this.#scripts.schedules, names);
      const before = new Map(rows.map(([name, text]) => [name, text]));
      const runs = new Map(rows.map(([name, , count]) => [name, count]));
      const kept = new Map(rows.map(([name, text]) => [name, JSON.parse(text) as ScheduleState]));
      const events: string[] = [];
      const results = ops.map((op) => {
        const { queue, id } = op.kind === 'upsert' ? op.schedule : op;
        const name = nameOf({ queue, id });
        const old = kept.get(name);
        const changed = afterwards(old, op, now);
        const type = scheduleEvent(op, old, changed);
        if (type !== undefined) events.push(type, queue, id, JSON.stringify(whoOf(op)));
        if (changed === null) {
          kept.delete(name);
          runs.delete(name); // one that is put again begins anew
          return null;
        }
        kept.set(name, changed);
        return { ...changed, runs: runs.get(name) ?? 0 };
      });
      const args = names.flatMap((name) => {
        const record = kept.get(name);
        const text = record === undefined ? '' : JSON.stringify(record);
        return [
          name,
          before.get(name) ?? '',
          text,
          record?.nextRunAt ?? '',
          runs.has(name) ? 0 : 1,
        ];
      });
      const request = [names.length, ...args, ...events];
      if ((await this.#run(this.#scripts.schedule, request)) === 1) return results;
    }
    throw new QueueError('QUEUE_STORE_UNAVAILABLE', 'Schedules are being changed by others');
  }

  async list({ queue, ids }: ScheduleFilter, page?: SchedulePage): Promise<ScheduleRecord[]> {
    const names = (await this.#run(this.#scripts.scheduleNames, [])) as string[];
    const wanted = names
      .map(partsOf)
      .filter(
        (kept) =>
          (queue === undefined || kept.queue === queue) &&
          (ids === undefined || ids.includes(kept.id)) &&
          (page?.after === undefined || inOrder(page.after, kept) < 0),
      )
      .sort(inOrder)
      .slice(0, page?.limit);
    if (wanted.length === 0) return [];
    const { rows } = await this.#read(this.#scripts.schedules, wanted.map(nameOf));
    return rows.map(
      ([, text, runs]): ScheduleRecord => ({ ...(JSON.parse(text) as ScheduleState), runs }),
    );
  }

  /** Fires at most `limit` due schedules. How many tasks were enqueued. */
  async fire(limit: number): Promise<number> {
    const { now, rows } = await this.#read(this.#scripts.due, [limit]);
    let fired = 0;
    for (const [name, text] of rows) {
      const kept = JSON.parse(text) as ScheduleState;
      const { runs, next } = planRuns({ ...kept, runs: 0 }, now);
      const lastRunAt = runs.at(-1) ?? kept.lastRunAt;
      const tasks = runs.map((run) => taskOfRun(kept, run));
      const changed = JSON.stringify({ ...kept, nextRunAt: next, lastRunAt });
      const args = [name, text, changed, next ?? '', kept.id, ...enqueueArgs(tasks)];
      const reply = await this.#run(this.#scripts.fire, args);
      if (reply === null) continue; // another process was first
      fired += enqueueReply(reply, tasks).filter(({ outcome }) => outcome === 'added').length;
    }
    return fired;
  }

  async #read(
    script: Script,
    args: readonly (string | number)[],
  ): Promise<{ now: number; rows: Row[] }> {
    const [now, rows] = (await this.#run(script, args)) as [number, Row[]];
    return { now, rows };
  }
}

interface Name {
  readonly queue: string;
  readonly id: string;
}

/** The way back from {@link nameOf}. */
function partsOf(name: string): Name {
  const colon = name.indexOf(':');
  const rest = Buffer.from(name.slice(colon + 1));
  const length = Number(name.slice(0, colon));
  return { queue: rest.subarray(0, length).toString(), id: rest.subarray(length).toString() };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const inOrder = (a: Name, b: Name): number => compare(a.queue, b.queue) || compare(a.id, b.id);
