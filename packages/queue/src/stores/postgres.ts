import { migrate, type SqlDatabase, type SqlTransaction } from '@holdfast/sql';
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
import { Enqueuer } from './postgres/enqueuer.js';
import { Exchanger } from './postgres/exchanger.js';
import { createFunctions, dropFunctions } from './postgres/functions.js';
import { alterStatement, findStatement, statsStatement } from './postgres/queries.js';
import { type TaskRow, toRecord } from './postgres/rows.js';
import { Runner } from './postgres/runner.js';
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

class PostgresStore implements QueueStore<SqlTransaction> {
  readonly name = 'postgres';
  readonly traits: StoreTraits = { durable: 'commit', transactional: true, push: true };
  readonly #db: SqlDatabase;
  readonly #schema: string;
  readonly #runner: Runner;
  readonly #enqueuer: Enqueuer;
  readonly #exchanger: Exchanger;
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
    this.#runner = new Runner(db);
    this.#enqueuer = new Enqueuer(db, this.#runner, schema);
    this.#exchanger = new Exchanger(this.#runner, schema);
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
    return this.#enqueuer.add(tasks, tx);
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    this.#open();
    return this.#exchanger.exchange(request);
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
    const { rows } = await this.#runner.query<{
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
    const { rows } = await this.#runner.query<TaskRow>(findStatement(this.#schema, filter, page));
    return rows.map(toRecord);
  }

  async stats(queues?: readonly string[]): Promise<QueueStats[]> {
    this.#open();
    const { rows } = await this.#runner.query<{
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
    const { rows } = await this.#runner.query<{ id: string }>(statement);
    return rows.map((row) => row.id);
  }

  async control(queue: string, patch: QueuePatch): Promise<void> {
    this.#open();
    const s = this.#schema;
    const [reason, by] = patch.paused ? [patch.reason ?? null, patch.by ?? null] : [null, null];
    await this.#runner.query({
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
    await this.#enqueuer.close();
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
}

const NO_TASKS: Readonly<Record<TaskState, number>> = {
  ready: 0,
  scheduled: 0,
  leased: 0,
  completed: 0,
  dead: 0,
  cancelled: 0,
};

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
