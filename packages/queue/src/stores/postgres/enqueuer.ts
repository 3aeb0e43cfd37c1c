import type { SqlDatabase } from '@holdfast/sql';
import { QueueError } from '../../errors.js';
import type { EnqueueOutcome, NewTask } from '../../store.js';
import { checkBatch, priorityRefused } from '../common.js';
import { addValues, distinct, enqueueArrays, isSpecial, specialArrays } from './arrays.js';
import { PRIORITY_ERRCODE } from './functions/enqueue.js';
import type { Runner } from './runner.js';
import { SharedWrites } from './shared-writes.js';
import type { PostgresTransaction } from './transactions.js';

/** A call with more tasks than this is a batch by itself, and keeps no other waiting. */
const SHARED_MAX = 100;

/**
 * Adds tasks. Calls that arrive while a commit is under way share the next one, so that many producers of one process
 * pay for the disk together; a single caller waits for nobody.
 */
export class Enqueuer {
  readonly #runner: Runner;
  readonly #addText: string;
  readonly #addName: string;
  readonly #text: string;
  readonly #name: string;
  readonly #specialText: string;
  readonly #specialName: string;
  readonly #shared: SharedWrites;

  constructor(db: SqlDatabase, runner: Runner, schema: string) {
    this.#runner = runner;
    this.#addName = `${schema}_queue_add_v1`;
    this.#addText = `select from ${schema}.queue_add_v1($1::text, $2::text, $3::text, $4::smallint, $5::float8, $6::boolean,
      $7::integer, $8::float8, $9::float8, $10::uuid[], $11::text[], $12::boolean)`;
    this.#name = `${schema}_queue_enqueue_v1`;
    this.#text = `select o_ord::integer as ord, o_id as id from ${schema}.queue_enqueue_v1($1::uuid[], $2::text[], $3::text[],
      $4::text[], $5::text[], $6::smallint[], $7::float8[], $8::boolean[], $9::integer[], $10::float8[],
      $11::float8[], $12::text[], $13::float8[])`;
    this.#specialName = `${schema}_queue_enqueue_special_v1`;
    this.#specialText = `select o_ord::integer as ord, o_id as id, o_outcome as outcome from ${schema}.queue_enqueue_special_v1($1::uuid[], $2::text[], $3::text[],
      $4::text[], $5::text[], $6::smallint[], $7::float8[], $8::boolean[], $9::integer[], $10::float8[],
      $11::float8[], $12::text[], $13::float8[], $14::text[], $15::integer[], $16::boolean[], $17::boolean[],
      $18::text[], $19::float8[], $20::text[], $21::text[], $22::text[])`;
    this.#shared = new SharedWrites(db, (tasks) => this.#write(tasks, undefined));
  }

  async add(
    tasks: readonly NewTask[],
    tx: PostgresTransaction | undefined,
  ): Promise<EnqueueOutcome[]> {
    if (tasks.some(isSpecial)) checkBatch(tasks);
    if (tx !== undefined || tasks.length > SHARED_MAX) return this.#write(tasks, tx);
    return this.#shared.add(tasks);
  }

  /** Waits for what is under way. */
  close(): Promise<void> {
    return this.#shared.close();
  }

  async #write(
    tasks: readonly NewTask[],
    tx: PostgresTransaction | undefined,
  ): Promise<EnqueueOutcome[]> {
    try {
      if (tasks.some(isSpecial)) return await this.#writeSpecial(tasks, tx);
      const alike = addValues(tasks);
      if (alike === undefined) return await this.#writeMixed(tasks, tx);
      // A lease must not begin in a transaction of which nobody knows when it ends.
      const statement = { text: this.#addText, values: [...alike, tx === undefined] };
      await this.#runner.query(statement, { name: this.#addName }, tx);
      return tasks.map(({ id }) => ({ outcome: 'added', id }));
    } catch (cause) {
      const refused = priorityError(cause);
      if (refused !== undefined) throw refused;
      // In the caller's transaction errors pass as they are.
      if (tx !== undefined || !isUniqueViolation(cause)) throw cause;
      throw new QueueError('QUEUE_TASK_CONFLICT', 'There is a task with one of the ids already', {
        cause,
      });
    }
  }

  async #writeMixed(
    tasks: readonly NewTask[],
    tx: PostgresTransaction | undefined,
  ): Promise<EnqueueOutcome[]> {
    const { items, places } = distinct(tasks, ({ queue, key }) => key && `${queue}\0${key.value}`);
    const { rows } = await this.#runner.query<{ ord: number; id: string }>(
      { text: this.#text, values: enqueueArrays(items) },
      { name: this.#name },
      tx,
    );
    const holders = new Map(rows.map((row) => [row.ord - 1, row.id]));
    return tasks.map((task, index) => {
      const place = places[index] ?? items.findIndex((item) => sameKey(item, task));
      const id = holders.get(place) ?? items[place]?.id ?? task.id;
      return { outcome: id === task.id ? 'added' : 'duplicate', id };
    });
  }

  async #writeSpecial(
    tasks: readonly NewTask[],
    tx: PostgresTransaction | undefined,
  ): Promise<EnqueueOutcome[]> {
    const { rows } = await this.#runner.query<{
      ord: number;
      id: string;
      outcome: EnqueueOutcome['outcome'];
    }>(
      { text: this.#specialText, values: [...enqueueArrays(tasks), ...specialArrays(tasks)] },
      { name: this.#specialName },
      tx,
    );
    const others = new Map(rows.map((row) => [row.ord - 1, row]));
    return tasks.map(({ id }, index) => {
      const other = others.get(index);
      return other === undefined
        ? { outcome: 'added', id }
        : { outcome: other.outcome, id: other.id };
    });
  }
}

function isUniqueViolation(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === '23505';
}

/** What the database refused for its priority; adapters of transactions wrap its error. */
function priorityError(error: unknown): QueueError | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (!('code' in at) || at.code !== PRIORITY_ERRCODE) continue;
    const [priority = 0, min = 0, max = 0] = (at.message.match(/-?\d+/g) ?? []).map(Number);
    return priorityRefused({ min, max }, priority);
  }
  return undefined;
}

function sameKey(a: NewTask, b: NewTask): boolean {
  return a.queue === b.queue && a.key !== undefined && a.key.value === b.key?.value;
}
