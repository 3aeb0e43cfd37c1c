import { type GroupCommit, groupCommit, type SqlDatabase, type SqlExecutor } from '@holdfast/sql';
import type { EnqueueOutcome, NewTask } from '../../store.js';
import { distinct, enqueueArrays } from './arrays.js';
import type { Runner } from './runner.js';

/** A call with more tasks than this is a batch by itself, and keeps no other waiting. */
const SHARED_MAX = 100;

/**
 * Adds tasks. Calls that arrive while a commit is under way share the next one, so that many producers of one process
 * pay for the disk together; a single caller waits for nobody.
 */
export class Enqueuer {
  readonly #runner: Runner;
  readonly #text: string;
  readonly #name: string;
  readonly #shared: GroupCommit<readonly NewTask[], EnqueueOutcome[]>;

  constructor(db: SqlDatabase, runner: Runner, schema: string) {
    this.#runner = runner;
    this.#name = `${schema}_queue_enqueue_v1`;
    this.#text = `select o_ord, o_id from ${schema}.queue_enqueue_v1($1::uuid[], $2::text[], $3::text[],
      $4::text[], $5::text[], $6::smallint[], $7::float8[], $8::boolean[], $9::integer[], $10::float8[],
      $11::float8[], $12::text[], $13::float8[])`;
    this.#shared = groupCommit({
      database: db,
      flush: (calls) => this.#together(calls),
      // The call with an id that is taken fails; the others do not.
      isolateFailures: true,
    });
  }

  add(tasks: readonly NewTask[], tx: SqlExecutor | undefined): Promise<EnqueueOutcome[]> {
    if (tx !== undefined || tasks.length > SHARED_MAX) return this.#write(tasks, tx);
    return this.#shared.add(tasks);
  }

  /** Waits for what is under way. */
  close(): Promise<void> {
    return this.#shared.close();
  }

  async #together(calls: readonly (readonly NewTask[])[]): Promise<EnqueueOutcome[][]> {
    const outcomes = await this.#write(calls.flat(), undefined);
    let at = 0;
    return calls.map(({ length }) => {
      const from = at;
      at += length;
      return outcomes.slice(from, at);
    });
  }

  async #write(tasks: readonly NewTask[], tx: SqlExecutor | undefined): Promise<EnqueueOutcome[]> {
    const { items, places } = distinct(tasks, ({ queue, key }) => key && `${queue}\0${key.value}`);
    const { rows } = await this.#runner.query<{ o_ord: number; o_id: string }>(
      { text: this.#text, values: enqueueArrays(items) },
      { name: this.#name },
      tx,
    );
    const holders = new Map(rows.map((row) => [row.o_ord - 1, row.o_id]));
    return tasks.map((task, index) => {
      const place = places[index] ?? items.findIndex((item) => sameKey(item, task));
      const id = holders.get(place) ?? items[place]?.id ?? task.id;
      return { outcome: id === task.id ? 'added' : 'duplicate', id };
    });
  }
}

function sameKey(a: NewTask, b: NewTask): boolean {
  return a.queue === b.queue && a.key !== undefined && a.key.value === b.key?.value;
}
