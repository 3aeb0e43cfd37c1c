import {
  migrate,
  type QueryResult,
  type SqlDatabase,
  type SqlExecutor,
  type SqlRow,
  type SqlTransaction,
} from '@holdfast/sql';
import { QueueError } from '../errors.js';
import { invalidOption, knownOptions } from '../options.js';
import type {
  Alteration,
  EnqueueOutcome,
  ExchangeReply,
  ExchangeRequest,
  NewTask,
  PageRequest,
  QueuePatch,
  QueueStats,
  QueueStore,
  StoreTraits,
  SweepReport,
  TaskFilter,
  TaskRecord,
  TaskState,
} from '../store.js';
import { distinct, enqueueArrays, exchangeArrays } from './postgres/arrays.js';
import { createFunctions, dropFunctions } from './postgres/functions.js';
import {
  alterStatement,
  findStatement,
  type Statement,
  statsStatement,
} from './postgres/queries.js';
import { type ExchangeRow, type TaskRow, toClaimed, toRecord } from './postgres/rows.js';
import { createTables, dropTables } from './postgres/tables.js';

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions {
  /**
   * Database schema of the tables: lower-case letters, digits and `_`, at most 48 characters.
   * @defaultValue `'holdfast'`
   */
  schema?: string;
}

const SCHEMA = /^[a-z_][a-z0-9_]{0,47}$/;
/** An exchange that takes longer fails, and the worker tries again. */
const EXCHANGE_TIMEOUT_MS = 15_000;

class PostgresStore implements QueueStore<SqlTransaction> {
  readonly name = 'postgres';
  readonly traits: StoreTraits = { durable: 'commit', transactional: true, push: true };
  readonly #db: SqlDatabase;
  readonly #schema: string;
  readonly #enqueueText: string;
  readonly #exchangeText: string;
  readonly #subscriptions = new Set<AsyncDisposable>();
  #migration: Promise<void> | undefined;
  #closed = false;

  constructor(db: SqlDatabase, options: PostgresStoreOptions = {}) {
    knownOptions('options', options, ['schema']);
    if (typeof db?.transaction !== 'function' || typeof db.listen !== 'function') {
      throw invalidOption('db', 'a SqlDatabase of @holdfast/sql', db);
    }
    const schema = options.schema ?? 'holdfast';
    if (typeof schema !== 'string' || !SCHEMA.test(schema)) {
      throw invalidOption('options.schema', 'lower-case letters, digits and _, at most 48', schema);
    }
    this.#db = db;
    this.#schema = schema;
    this.#enqueueText = `select o_ord, o_id from ${schema}.queue_enqueue_v1($1::uuid[], $2::text[], $3::text[],
      $4::text[], $5::text[], $6::smallint[], $7::float8[], $8::boolean[], $9::integer[], $10::float8[],
      $11::float8[], $12::text[], $13::float8[])`;
    this.#exchangeText = `select * from ${schema}.queue_exchange_v1($1::text, $2::float8, $3::uuid[], $4::integer[],
      $5::text[], $6::float8[], $7::boolean[], $8::text[], $9::text[], $10::uuid[], $11::integer[], $12::text[],
      $13::integer)`;
  }

  async migrate(): Promise<void> {
    this.#open();
    this.#migration ??= this.#migrateOnce();
    return this.#migration;
  }

  async enqueue(
    tasks: readonly NewTask[],
    options?: { readonly tx?: SqlTransaction | undefined },
  ): Promise<EnqueueOutcome[]> {
    this.#open();
    const tx = options?.tx;
    if (tx !== undefined && typeof tx?.query !== 'function') {
      throw invalidOption('options.tx', 'a transaction of @holdfast/sql', tx);
    }
    const { items, places } = distinct(tasks, ({ queue, key }) => key && `${queue}\0${key.value}`);
    const { rows } = await this.#query<{ o_ord: number; o_id: string }>(
      { text: this.#enqueueText, values: enqueueArrays(items) },
      { name: `${this.#schema}_queue_enqueue_v1` },
      tx,
    );
    const ids = new Map(rows.map((row) => [row.o_ord - 1, row.o_id]));
    return tasks.map((task, index) => {
      const place = places[index] ?? items.findIndex((item) => sameKey(item, task));
      const id = ids.get(place) ?? task.id;
      return { outcome: id === task.id ? 'added' : 'duplicate', id };
    });
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    this.#open();
    const settle = distinct(request.settle, (settlement) => settlement.id);
    const { rows } = await this.#query<ExchangeRow>(
      { text: this.#exchangeText, values: exchangeArrays(request, settle.items) },
      { name: `${this.#schema}_queue_exchange_v1`, timeout: EXCHANGE_TIMEOUT_MS },
    );
    const settledOk = new Set<number>();
    const extendedOk = new Set<number>();
    const claimed = [];
    let [now, nextDueAt]: [number, number | null] = [0, null];
    for (const row of rows) {
      if (row.o_kind === 'claimed') claimed.push(toClaimed(row));
      else if (row.o_kind === 'now') [now, nextDueAt] = [row.o_at, row.o_due];
      else if (row.o_ok) (row.o_kind === 'settled' ? settledOk : extendedOk).add(row.o_ord - 1);
    }
    return {
      now,
      settled: settle.places.map((place) =>
        place !== undefined && settledOk.has(place) ? 'ok' : 'stale',
      ),
      extended: request.extend.map((_, index) => (extendedOk.has(index) ? 'ok' : 'lost')),
      claimed,
      nextDueAt,
    };
  }

  async onWake(queues: readonly string[], wake: (queue: string) => void): Promise<AsyncDisposable> {
    this.#open();
    const wanted = new Set(queues);
    const subscription = await this.#db.listen(
      `${this.#schema}_queue`,
      (queue) => {
        if (wanted.has(queue)) wake(queue);
      },
      // What was announced while the connection was away is lost.
      { onReconnect: () => queues.forEach(wake) },
    );
    this.#subscriptions.add(subscription);
    return {
      [Symbol.asyncDispose]: async () => {
        this.#subscriptions.delete(subscription);
        await subscription.close();
      },
    };
  }

  async sweep(limit: number): Promise<SweepReport> {
    this.#open();
    const { rows } = await this.#query<{
      o_kind: 'lapsed' | 'died' | 'pruned';
      o_id: string;
      o_queue: string;
      o_name: string;
      o_count: number;
    }>({ text: `select * from ${this.#schema}.queue_sweep_v1($1::integer)`, values: [limit] });
    let [lapsed, pruned] = [0, 0];
    const died = [];
    for (const { o_kind, o_id: id, o_queue: queue, o_name: name, o_count } of rows) {
      if (o_kind === 'lapsed') lapsed++;
      else if (o_kind === 'died') died.push({ id, queue, name });
      else pruned += o_count;
    }
    return { lapsed, died, pruned };
  }

  async find(filter: TaskFilter, page: PageRequest): Promise<TaskRecord[]> {
    this.#open();
    const { rows } = await this.#query<TaskRow>(findStatement(this.#schema, filter, page));
    return rows.map(toRecord);
  }

  async stats(queues?: readonly string[]): Promise<QueueStats[]> {
    this.#open();
    const { rows } = await this.#query<{
      queue: string;
      paused: boolean;
      reason: string | null;
      by: string | null;
      counts: Partial<Record<TaskState, number>>;
      oldest: number | null;
      now: number;
    }>(statsStatement(this.#schema, queues));
    const found = rows.map((row) => ({
      queue: row.queue,
      paused: row.paused,
      pausedReason: row.reason,
      pausedBy: row.by,
      counts: { ...NO_TASKS, ...row.counts },
      oldestReadyAt: row.oldest,
      now: row.now,
    }));
    const known = new Set(found.map((stats) => stats.queue));
    const now = found[0]?.now ?? Date.now();
    for (const queue of queues ?? []) {
      if (known.has(queue)) continue;
      known.add(queue);
      const settings = { paused: false, pausedReason: null, pausedBy: null };
      found.push({ queue, ...settings, counts: { ...NO_TASKS }, oldestReadyAt: null, now });
    }
    return found.sort((a, b) => (a.queue < b.queue ? -1 : 1));
  }

  async alter(filter: TaskFilter, change: Alteration, limit: number): Promise<string[]> {
    this.#open();
    const statement = alterStatement(this.#schema, filter, change, limit);
    const { rows } = await this.#query<{ id: string }>(statement);
    return rows.map((row) => row.id);
  }

  async control(queue: string, patch: QueuePatch): Promise<void> {
    this.#open();
    const s = this.#schema;
    const [reason, by] = patch.paused ? [patch.reason ?? null, patch.by ?? null] : [null, null];
    await this.#query({
      text: `with changed as (
          insert into ${s}.queue_setting (queue, paused, reason, by, changed_at)
          values ($1, $2, $3, $4, ${s}.queue_now())
          on conflict (queue) do update set paused = excluded.paused, reason = excluded.reason, by = excluded.by,
            changed_at = excluded.changed_at
          returning queue
        ) select pg_notify('${s}_queue', queue) from changed where not $2`,
      values: [queue, patch.paused, reason, by],
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const subscriptions = [...this.#subscriptions];
    this.#subscriptions.clear();
    await Promise.all(subscriptions.map((subscription) => subscription[Symbol.asyncDispose]()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(): void {
    if (this.#closed) throw new QueueError('QUEUE_CLOSED', 'The Postgres store is closed');
  }

  async #migrateOnce(): Promise<void> {
    const s = this.#schema;
    try {
      await migrate(this.#db, {
        namespace: 'queue',
        schema: s,
        migrations: [
          {
            id: '0001_first',
            up: createTables(s) + createFunctions(s),
            down: dropFunctions(s) + dropTables(s),
          },
        ],
      });
    } catch (error) {
      this.#migration = undefined; // the next call tries again
      throw error;
    }
  }

  /** In a transaction of the caller's, errors pass as they are: the database retries by their codes. */
  async #query<Row extends SqlRow>(
    { text, values }: Statement,
    options?: { name?: string; timeout?: number },
    tx?: SqlExecutor,
  ): Promise<QueryResult<Row>> {
    if (tx !== undefined) return tx.query<Row>(text, values, options);
    try {
      return await this.#db.query<Row>(text, values, options);
    } catch (cause) {
      const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
      if (code === 'SQL_UNAVAILABLE' || code === 'SQL_TIMEOUT' || code === 'SQL_CLOSED') {
        throw new QueueError('QUEUE_STORE_UNAVAILABLE', 'The database did not answer', { cause });
      }
      throw cause;
    }
  }
}

const NO_TASKS: Readonly<Record<TaskState, number>> = {
  ready: 0,
  scheduled: 0,
  leased: 0,
  completed: 0,
  dead: 0,
  cancelled: 0,
};

function sameKey(a: NewTask, b: NewTask): boolean {
  return a.queue === b.queue && a.key !== undefined && a.key.value === b.key?.value;
}

/**
 * Keeps tasks in Postgres, a server or embedded: whatever `openDatabase` of `@holdfast/sql` opened. The database
 * stays open when the store closes.
 *
 * @throws QueueError `QUEUE_OPTION_INVALID`
 */
export function postgresStore(
  db: SqlDatabase,
  options?: PostgresStoreOptions,
): QueueStore<SqlTransaction> {
  return new PostgresStore(db, options);
}
