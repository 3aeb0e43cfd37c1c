import type { SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import createKnex, { type Knex } from 'knex';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createQueue,
  createWorker,
  defineTask,
  handle,
  type Queue,
  type QueueStore,
} from '../../src/index.js';
import {
  knexTransaction,
  type PostgresTransaction,
  postgresStore,
  prismaTransaction,
} from '../../src/stores/postgres.js';

const task = defineTask('t');
const postgres = testDatabases().find((database) => database.name === 'postgres');

describe.skipIf(!postgres?.available)('a transaction of Knex', () => {
  let db: SqlDatabase;
  let knex: Knex;
  let store: QueueStore<PostgresTransaction>;
  let queue: Queue<PostgresTransaction>;

  beforeAll(async () => {
    if (postgres === undefined) return;
    db = await postgres.open();
    await db.exec('create table customer (name text not null)');
    const { rows } = await db.query<{ name: string }>('select current_database() as name');
    const url = new URL(process.env.TEST_POSTGRES_URL ?? '');
    url.pathname = `/${rows[0]?.name}`;
    knex = createKnex({ client: 'pg', connection: url.href });
    store = postgresStore(db);
    await store.migrate();
    queue = createQueue('mail', { store });
  });

  afterAll(async () => {
    await knex?.destroy();
    await store?.close();
    await db?.close();
  });

  const customers = async (): Promise<number> => (await knex('customer').select()).length;
  const payloads = async (): Promise<unknown[]> =>
    (await store.find({ queue: 'mail' }, { order: 'oldest', limit: 100 })).map(({ payload }) =>
      JSON.parse(payload),
    );

  it('holds both or neither: the row of the caller and tasks of every kind', async () => {
    const hard = '"Ann"? {\\} $1 ?? ü';
    const work = (fail: boolean): Promise<void> =>
      knex.transaction(async (trx) => {
        await trx('customer').insert({ name: 'Ann' });
        const tx = knexTransaction(trx);
        await queue.enqueue(task, hard, { tx });
        await queue.enqueueMany(
          [
            { task, payload: 1 },
            { task, payload: null, delay: '1h' },
          ],
          { tx },
        );
        await queue.enqueue(task, 2, {
          tx,
          group: 'a ?"group"',
          idempotencyKey: 'k?',
          priority: 3,
        });
        const again = await queue.enqueue(task, 3, { tx, idempotencyKey: 'k?' });
        expect(again.outcome).toBe('duplicate');
        if (fail) throw new Error('no');
      });
    await expect(work(true)).rejects.toThrow('no');
    expect([await customers(), await payloads()]).toEqual([0, []]);
    await work(false);
    expect([await customers(), await payloads()]).toEqual([1, [hard, 1, null, 2]]);
    await store.alter({ queue: 'mail' }, { kind: 'remove' }, 100);
  });

  it('completes a task with what its handler writes, or not at all', async () => {
    const { id } = await queue.enqueue(task, 'x');
    const before = await customers();
    const handler = handle(task, (_, { attempt, completeIn }) =>
      knex.transaction(async (trx) => {
        await trx('customer').insert({ name: `attempt ${attempt}` });
        await completeIn(knexTransaction(trx), { attempt });
        if (attempt === 1) throw new Error('after completing');
      }),
    );
    const fast = createQueue('mail', { store, retry: { initial: 1, jitter: 0 } });
    const worker = createWorker(fast, [handler], { pollInterval: 10 });
    await worker.start();
    const done = new Promise((resolve) => fast.on('task.completed', resolve));
    await done;
    await worker.close();
    const [record] = await store.find({ ids: [id] }, { order: 'oldest', limit: 1 });
    expect(record).toMatchObject({ state: 'completed', attempts: 2, result: '{"attempt":2}' });
    expect(await customers()).toBe(before + 1);
  });

  it('may be one whose raw statements answer as those of Prisma do', async () => {
    const connection = await knex.client.acquireConnection();
    const types = {
      getTypeParser: (oid: number) => (oid === 20 ? BigInt : pg.types.getTypeParser(oid)),
    };
    const client = {
      $queryRawUnsafe: async (text: string, ...values: unknown[]): Promise<unknown> =>
        (await connection.query({ text, values, types })).rows,
    };
    for (const end of ['rollback', 'commit']) {
      await connection.query('begin');
      const tx = prismaTransaction(client);
      await queue.enqueueMany(
        [
          { task, payload: '"? $1' },
          { task, payload: 1, priority: 2 },
        ],
        { tx },
      );
      const options = { tx, group: 'g', idempotencyKey: 'prisma' };
      const { id } = await queue.enqueue(task, 2, options);
      expect(await queue.enqueue(task, 3, options)).toEqual({ outcome: 'duplicate', id });
      await connection.query(end);
      const kept = (await payloads()).filter((payload) => payload !== 'x');
      expect(kept).toEqual(end === 'commit' ? ['"? $1', 1, 2] : []);
    }
    await knex.client.releaseConnection(connection);
  });
});
