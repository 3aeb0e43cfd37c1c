import { migrate, type SqlDatabase, type Subscription } from '@holdfast/sql';
import { QueueError } from '../errors.js';
import { invalidOption, knownOptions } from '../options.js';
import type {
  Alteration,
  ClaimedTask,
  Edit,
  EnqueueOutcome,
  EventPage,
  EventsRequest,
  ExchangeReply,
  ExchangeRequest,
  LeaseRef,
  NewTask,
  PageRequest,
  QueueMinute,
  QueuePage,
  QueuePatch,
  QueueStats,
  QueueStore,
  ScheduleFilter,
  ScheduleOp,
  SchedulePage,
  ScheduleRecord,
  StoreFeature,
  StoreTraits,
  SweepReport,
  TaskFilter,
  TaskRecord,
} from '../store.js';
import { areNames, COMMON_FEATURES } from './common.js';
import { Enqueuer } from './postgres/enqueuer.js';
import { Exchanger } from './postgres/exchanger.js';
import { Journal } from './postgres/journal.js';
import { Leases } from './postgres/leases.js';
import { queueMigrations } from './postgres/migrations.js';
import { Parked } from './postgres/parked.js';
import { candidatesStatement, changeStatement, findStatement } from './postgres/queries.js';
import { type TaskRow, toRecord } from './postgres/rows.js';
import { explained, Runner } from './postgres/runner.js';
import { Schedules } from './postgres/schedules.js';
import { readStats, readStatsPage } from './postgres/stats.js';
import type { PostgresTransaction } from './postgres/transactions.js';
import { Vacuum } from './postgres/vacuum.js';

export type { DrizzleSql, PostgresTransaction } from './postgres/transactions.js';
export {
  drizzleTransaction,
  knexTransaction,
  kyselyTransaction,
  prismaTransaction,
} from './postgres/transactions.js';

/** Options of {@link postgresStore}. */
export interface PostgresStoreOptions {
  /**
   * Database schema of the tables: lower-case letters, digits and `_`, at most 48 characters.
   * @defaultValue `'holdfast'`
   */
  schema?: string;
}

const SCHEMA = /^[a-z_][a-z0-9_]{0,47}$/;

/** More candidates than changes asked for: a few may turn out not to fit. */
const SPARE_CANDIDATES = 1_000;

const FEATURES: readonly StoreFeature[] = [...COMMON_FEATURES, 'completeIn', 'handover'];

class PostgresStore implements QueueStore<PostgresTransaction> {
  readonly name = 'postgres';
  readonly traits: StoreTraits = {
    durable: 'commit',
    transactional: true,
    push: true,
    features: FEATURES,
  };
  readonly #db: SqlDatabase;
  readonly #schema: string;
  readonly #runner: Runner;
  readonly #enqueuer: Enqueuer;
  readonly #exchanger: Exchanger;
  readonly #parked: Parked;
  readonly #schedules: Schedules;
  readonly #journal: Journal;
  readonly #vacuum: Vacuum;
  readonly #subscriptions = new Set<AsyncDisposable>();
  #migration: Promise<void> | undefined;
  #closed = false;

  constructor(db: SqlDatabase, options: PostgresStoreOptions = {}) {
    knownOptions('options', options, ['schema']);
    if (typeof db?.transaction !== 'function' || typeof db.listen !== 'function') {
      throw invalidOption('db', 'a SqlDatabase of @holdfast/sql', db);
    }
    const { schema = 'holdfast' } = options;
    if (typeof schema !== 'string' || !SCHEMA.test(schema)) {
      throw invalidOption('options.schema', 'lower-case letters, digits and _, at most 48', schema);
    }
    this.#db = db;
    this.#schema = schema;
    this.#runner = new Runner(db);
    this.#enqueuer = new Enqueuer(db, this.#runner, schema);
    const leases = new Leases();
    this.#parked = new Parked(schema, leases);
    this.#exchanger = new Exchanger(this.#runner, schema, leases, this.#parked);
    this.#journal = new Journal(this.#runner, schema);
    this.#vacuum = new Vacuum(db, schema);
    this.#schedules = new Schedules(this.#runner, this.#enqueuer, schema);
  }

  async migrate(): Promise<void> {
    this.#open();
    this.#migration ??= this.#migrateOnce();
    return this.#migration;
  }

  async enqueue(
    tasks: readonly NewTask[],
    options?: { readonly tx?: PostgresTransaction | undefined },
  ): Promise<EnqueueOutcome[]> {
    this.#open();
    const tx = options?.tx === undefined ? undefined : transactionOf(options.tx);
    return this.#enqueuer.add(tasks, tx);
  }

  async exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    this.#open();
    this.#vacuum.ended(request.settle.length);
    return this.#exchanger.exchange(request);
  }

  async onWake(queues: readonly string[], wake: (queue: string) => void): Promise<AsyncDisposable> {
    this.#open();
    const wanted = new Set(queues);
    const subscription = await this.#db
      .listen(
        `${this.#schema}_queue`,
        (queue) => {
          if (wanted.has(queue)) wake(queue);
        },
        // What was announced while the connection was away is lost.
        { onReconnect: () => queues.forEach(wake) },
      )
      .catch(explained);
    return this.#until(subscription);
  }

  async onHandover(
    worker: string,
    take: (claimed: readonly ClaimedTask[]) => void,
  ): Promise<AsyncDisposable> {
    this.#open();
    return this.#until(await this.#parked.listen(this.#db, worker, take));
  }

  /** Ends with the store at the latest. */
  #until(subscription: Subscription): AsyncDisposable {
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
    this.#vacuum.look();
    const { rows } = await this.#runner.query<{
      o_kind: 'lapsed' | 'died' | 'pruned' | 'due';
      o_id: string;
      o_queue: string;
      o_name: string;
      o_count: number;
    }>({ text: `select * from ${this.#schema}.queue_sweep_v1($1::integer)`, values: [limit] });
    let [lapsed, pruned, fired] = [0, 0, 0];
    const died = [];
    for (const { o_kind, o_id: id, o_queue: queue, o_name: name, o_count } of rows) {
      if (o_kind === 'lapsed') lapsed++;
      else if (o_kind === 'died') died.push({ id, queue, name });
      else if (o_kind === 'due') fired = await this.#schedules.fire(limit);
      else pruned += o_count;
    }
    return { lapsed, died, pruned, ...(fired === 0 ? {} : { fired }) };
  }

  async find(filter: TaskFilter, page: PageRequest): Promise<TaskRecord[]> {
    this.#open();
    const { rows } = await this.#runner.query<TaskRow>(findStatement(this.#schema, filter, page));
    return rows.map(toRecord);
  }

  async stats(queues?: readonly string[] | QueuePage): Promise<QueueStats[]> {
    this.#open();
    if (areNames(queues)) return readStats(this.#runner, this.#schema, queues);
    return readStatsPage(this.#runner, this.#schema, queues);
  }

  async alter(filter: TaskFilter, change: Alteration, limit: number): Promise<string[]> {
    return this.#change(filter, change, limit);
  }

  async edit(filter: TaskFilter, change: Edit, limit: number): Promise<string[]> {
    return this.#change(filter, change, limit);
  }

  async #change(filter: TaskFilter, change: Alteration | Edit, limit: number): Promise<string[]> {
    this.#open();
    const changed: string[] = [];
    const page = limit + SPARE_CANDIDATES;
    for (let after: string | undefined, full = true; full && changed.length < limit; ) {
      const candidates = candidatesStatement(this.#schema, filter, change, { limit: page, after });
      const ids = (await this.#runner.query<{ id: string }>(candidates)).rows.map(({ id }) => id);
      if (ids.length === 0) break;
      const left = limit - changed.length;
      const statement = changeStatement(this.#schema, change, ids, left, changed.length);
      for (const { id } of (await this.#runner.query<{ id: string }>(statement)).rows)
        changed.push(id);
      full = ids.length >= page;
      after = ids.at(-1);
    }
    return changed;
  }

  async control(queue: string, patch: QueuePatch): Promise<void> {
    this.#open();
    const { paused, reason, by, ...limits } = patch;
    await this.#runner.query({
      text: `select ${this.#schema}.queue_control_v1($1::text, $2::boolean, $3::text, $4::text, $5::jsonb)`,
      values: [queue, paused ?? null, reason ?? null, by ?? null, JSON.stringify(limits)],
    });
  }

  async complete(
    worker: string,
    leases: readonly (LeaseRef & { readonly result: string | null })[],
    { tx }: { readonly tx: PostgresTransaction },
  ): Promise<('ok' | 'stale')[]> {
    this.#open();
    const settle = leases.map((lease) => ({ ...lease, outcome: 'completed' as const }));
    const claim = { queues: [], limit: 0 };
    const request = { worker, settle, extend: [], claim, leaseMs: 0 };
    return [...(await this.#exchanger.exchange(request, transactionOf(tx))).settled];
  }

  async schedule(ops: readonly ScheduleOp[]): Promise<(ScheduleRecord | null)[]> {
    this.#open();
    return this.#schedules.apply(ops);
  }

  async schedules(filter: ScheduleFilter, page?: SchedulePage): Promise<ScheduleRecord[]> {
    this.#open();
    return this.#schedules.list(filter, page);
  }

  async events(request: EventsRequest): Promise<EventPage> {
    this.#open();
    return this.#journal.events(request);
  }

  async minutes(queue: string, fromMs: number, toMs: number): Promise<QueueMinute[]> {
    this.#open();
    return this.#journal.minutes(queue, fromMs, toMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#journal.close();
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
    try {
      await migrate(this.#db, queueMigrations(this.#schema));
    } catch (error) {
      this.#migration = undefined; // the next call tries again
      explained(error);
    }
  }
}

/** The caller's transaction, if that is what it is. */
function transactionOf(tx: PostgresTransaction): PostgresTransaction {
  if (typeof tx?.query !== 'function') {
    throw invalidOption('options.tx', 'a transaction with a method query(text, values)', tx);
  }
  return tx;
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
): QueueStore<PostgresTransaction> {
  return new PostgresStore(db, options);
}
