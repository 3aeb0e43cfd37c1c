import type { SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createQueue, defineTask, type Queue, type QueueStore } from '../../src/index.js';
import {
  drizzleTransaction,
  kyselyTransaction,
  type PostgresTransaction,
  postgresStore,
} from '../../src/stores/postgres.js';

const task = defineTask('t');
const postgres = testDatabases().find((database) => database.name === 'postgres');

describe.skipIf(!postgres?.available)('enqueueing in a transaction of the caller', () => {
  let db: SqlDatabase;
  let pool: pg.Pool;
  let store: QueueStore<PostgresTransaction>;
  let queue: Queue<PostgresTransaction>;

  beforeAll(async () => {
    if (postgres === undefined) return;
    db = await postgres.open();
    await db.exec('create table customer (name text not null)');
    const { rows } = await db.query<{ name: string }>('select current_database() as name');
    const url = new URL(process.env.TEST_POSTGRES_URL ?? '');
    url.pathname = `/${rows[0]?.name}`;
    pool = new pg.Pool({ connectionString: url.href });
    store = postgresStore(db);
    await store.migrate();
    queue = createQueue('mail', { store });
  });

  afterAll(async () => {
    await pool?.end();
    await store?.close();
    await db?.close();
  });

  /** What is there, as [customers, payloads], and then nothing any more. */
  async function found(): Promise<unknown> {
    const { rows } = await db.query<{ name: string }>('delete from customer returning name');
    const tasks = await store.find({ queue: 'mail' }, { order: 'oldest', limit: 100 });
    await store.alter({ queue: 'mail' }, { kind: 'remove' }, 100);
    return [rows.map(({ name }) => name), tasks.map(({ payload }) => JSON.parse(payload))];
  }

  /** Enqueues what is hard to quote, plain and in a group. */
  async function enqueue(tx: PostgresTransaction): Promise<void> {
    await queue.enqueue(task, '"Ann", {\\} $1 ü', { tx });
    await store.enqueue(
      [
        {
          id: crypto.randomUUID(),
          queue: 'mail',
          name: 't',
          payload: '2',
          headers: {},
          priority: 0,
          when: { delayMs: 0 },
          maxAttempts: 1,
          keepCompletedMs: 0,
          keepDeadMs: 0,
          group: { key: 'a "group"' },
        },
      ],
      { tx },
    );
  }

  const both = [['Ann'], expect.arrayContaining(['"Ann", {\\} $1 ü', 2])];
  const none = [[], []];

  it('joins that of a client of pg', async () => {
    const client = await pool.connect();
    for (const end of ['rollback', 'commit']) {
      await client.query('begin');
      await client.query("insert into customer values ('Ann')");
      await enqueue(client);
      await client.query(end);
      expect(await found()).toEqual(end === 'commit' ? both : none);
    }
    client.release();
  });

  it('joins that of Drizzle', async () => {
    const orm = drizzle(pool);
    const work = (fail: boolean): Promise<void> =>
      orm.transaction(async (tx) => {
        await tx.execute(sql`insert into customer values (${'Ann'})`);
        await enqueue(drizzleTransaction(tx, sql));
        if (fail) throw new Error('no');
      });
    await expect(work(true)).rejects.toThrow('no');
    expect(await found()).toEqual(none);
    await work(false);
    expect(await found()).toEqual(both);
  });

  it('joins that of Kysely, whatever its plugins make of names', async () => {
    const kysely = new Kysely<{ customer: { name: string } }>({
      dialect: new PostgresDialect({ pool }),
      plugins: [new CamelCasePlugin()],
    });
    const work = (fail: boolean): Promise<void> =>
      kysely.transaction().execute(async (trx) => {
        await trx.insertInto('customer').values({ name: 'Ann' }).execute();
        await enqueue(kyselyTransaction(trx, CompiledQuery));
        if (fail) throw new Error('no');
      });
    await expect(work(true)).rejects.toThrow('no');
    expect(await found()).toEqual(none);
    await work(false);
    expect(await found()).toEqual(both);
  });

  it('says that a key is taken, and completes a task, in each of them', async () => {
    const { id } = await queue.enqueue(task, 1, { idempotencyKey: 'k' });
    const claim = { queues: ['mail'], limit: 1 };
    const request = { worker: 'w', settle: [], extend: [], claim, leaseMs: 10_000 };
    const [claimed] = (await store.exchange(request)).claimed;
    const kysely = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) });
    const client = await pool.connect();
    const leases = [{ id, epoch: claimed?.epoch ?? 0, result: '1' }];
    const inEach = async (tx: PostgresTransaction): Promise<void> => {
      const again = await queue.enqueue(task, 2, { tx, idempotencyKey: 'k' });
      expect(again).toEqual({ outcome: 'duplicate', id });
      expect(await store.complete?.('w', leases, { tx })).toEqual(['ok']);
      expect(await store.complete?.('w', leases, { tx })).toEqual(['stale']);
      throw new Error('roll back');
    };
    const tries = [
      () => drizzle(pool).transaction((tx) => inEach(drizzleTransaction(tx, sql))),
      () => kysely.transaction().execute((trx) => inEach(kyselyTransaction(trx, CompiledQuery))),
    ];
    for (const attempt of tries) await expect(attempt()).rejects.toThrow('roll back');
    await client.query('begin');
    await expect(inEach(client)).rejects.toThrow('roll back');
    await client.query('rollback');
    client.release();
    const [after] = await store.find({ ids: [id] }, { order: 'oldest', limit: 1 });
    expect(after?.state).toBe('leased');
  });
});
