import { migrate, migrateDown, type SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createQueue, createWorker, defineTask, handle, QueueAdmin } from '../src/index.js';
import { queueMigrations } from '../src/stores/postgres/migrations.js';
import { postgresStore } from '../src/stores/postgres.js';
import { Kit } from '../src/testing.js';

const task = defineTask('t', { retry: { attempts: 2, initial: 0, jitter: 0 } });

for (const database of testDatabases()) {
  describe.skipIf(!database.available)(`a queue on ${database.name}`, () => {
    let db: SqlDatabase;
    beforeAll(async () => {
      db = await database.open();
      await db.exec('create table customer (name text not null)');
    });
    afterAll(async () => {
      await db?.close();
    });

    it('enqueues with the caller’s own rows or not at all, and wakes the worker after the commit', async () => {
      const store = postgresStore(db, { schema: 'transactional' });
      const queue = createQueue('mail', { store, tasks: [task] });
      const ran: unknown[] = [];
      // So slow a poll that only a wake-up explains a task that starts at once.
      const worker = createWorker(queue, [handle(task, (payload) => void ran.push(payload))], {
        pollInterval: '1h',
      });
      await worker.start();
      const failed = db.transaction(async (tx) => {
        await tx.query('insert into customer values ($1)', ['Bob']);
        await queue.enqueue(task, 'Bob', { tx });
        throw new Error('no');
      });
      await expect(failed).rejects.toThrow('no');
      await db.transaction(async (tx) => {
        await tx.query('insert into customer values ($1)', ['Ann']);
        await queue.enqueue(task, 'Ann', { tx });
        await queue.enqueue([{ name: 't', payload: 'Ann too' }], { tx });
      });
      await expect.poll(() => ran).toEqual(['Ann', 'Ann too']);
      const { rows } = await db.query('select name from customer');
      expect(rows).toEqual([{ name: 'Ann' }]);
      expect(await worker.close()).toMatchObject({ drained: true });
      await store.close();
    });

    it('keeps every attempt of a dead letter, and runs it again when redriven', async () => {
      const store = postgresStore(db, { schema: 'dead' });
      const queue = createQueue('mail', { store });
      const admin = new QueueAdmin({ store });
      let broken = true;
      const worker = createWorker(queue, [
        handle(task, () => {
          if (broken) throw new Error('provider is down');
          return { sent: true };
        }),
      ]);
      await worker.start();
      const { id } = await queue.enqueue(task, { to: 'ann' });
      await expect.poll(async () => (await admin.get(id)).state).toBe('dead');
      broken = false;
      await admin.redrive(id, { by: 'ops' });
      await expect.poll(async () => (await admin.get(id)).state).toBe('completed');
      const info = await admin.get(id);
      expect(info.history.map(({ kind }) => kind)).toEqual(['error', 'error', 'redriven']);
      expect(info).toMatchObject({ result: { sent: true }, payload: { to: 'ann' }, attempts: 1 });
      expect((await queue.health()).status).toBe('healthy');
      await worker.close();
      await store.close();
    });

    it('migrates from many places at once', async () => {
      const stores = Array.from({ length: 4 }, () => postgresStore(db, { schema: 'racing' }));
      await Promise.all(stores.map((store) => store.migrate()));
      expect(await stores[0]?.stats()).toEqual([]);
    });

    it('leaves nothing behind when its migration is undone, and can be migrated again', async () => {
      const store = postgresStore(db, { schema: 'undone' });
      const migrations = queueMigrations('undone');
      for (let turn = 0; turn < 2; turn++) {
        expect(await migrate(db, migrations)).toEqual(['0001_first']);
        expect(await store.stats()).toEqual([]);
        expect(await migrateDown(db, migrations)).toBe('0001_first');
        const { rows } = await db.query(`
          select c.relname as name from pg_class c where c.relnamespace = 'undone'::regnamespace
          union all select p.proname from pg_proc p where p.pronamespace = 'undone'::regnamespace`);
        expect(rows.filter(({ name }) => !String(name).includes('migration'))).toEqual([]);
      }
      await store.close();
    });

    it('fails only the call with an id that is taken, of many that share a commit', async () => {
      const store = postgresStore(db, { schema: 'shared' });
      await store.migrate();
      const kit = new Kit({ store, advance: async () => undefined, close: async () => undefined });
      const taken = kit.task();
      await store.enqueue([taken]);
      const calls = [kit.task(), taken, kit.task(), kit.task()].map((one) => store.enqueue([one]));
      const ends = await Promise.allSettled(calls);
      const fulfilled = 'fulfilled';
      expect(ends.map((end) => end.status)).toEqual([fulfilled, 'rejected', fulfilled, fulfilled]);
      await expect(calls[1]).rejects.toMatchObject({ code: 'QUEUE_TASK_CONFLICT' });
      expect((await store.stats(['q']))[0]?.counts.ready).toBe(4);
      await store.close();
    });

    it('reads the tasks it settles and no others, whatever it knew of the table when it was empty', async () => {
      const store = postgresStore(db, { schema: 'statistics' });
      await store.migrate();
      const kit = new Kit({ store, advance: async () => undefined, close: async () => undefined });
      const part = { keepCompletedMs: 0 };
      const many = (count: number) => kit.addAll(...Array.from({ length: count }, () => part));
      await many(1_000);
      const first = await kit.claim('w', 1_000);
      await kit.settle('w', ...first.map((task) => kit.completed(task)));
      await kit.add(part);
      // The pages are there, the rows are not: then plans that read the whole table look best.
      await db.query('vacuum (truncate off) statistics.queue_task');
      await many(1_000);
      const claimed = await kit.claim('w', 5);
      const leases = claimed.map(({ id, epoch }) => ({ id, epoch, result: null }));
      const read = await db.transaction(async (tx) => {
        const soFar = async (): Promise<number> => {
          const { rows } = await tx.query<{ read: number }>(
            `select coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0) as read from pg_stat_xact_user_tables
              where schemaname = 'statistics' and relname = 'queue_task'`,
          );
          return rows[0]?.read ?? 0;
        };
        const before = await soFar();
        const verdicts = await store.complete?.('w', leases, { tx });
        expect(verdicts).toEqual(leases.map(() => 'ok'));
        return (await soFar()) - before;
      });
      expect(read).toBeGreaterThan(0);
      expect(read).toBeLessThanOrEqual(20);
      await store.close();
    });

    it('refuses a schema that needs quoting, and what is no transaction', async () => {
      expect(() => postgresStore(db, { schema: 'a"; drop' })).toThrow(
        '`options.schema` to be lower-case',
      );
      const store = postgresStore(db, { schema: 'transactional' });
      const queue = createQueue('mail', { store });
      await expect(queue.enqueue(task, 1, { tx: {} as never })).rejects.toThrow(
        '`options.tx` to be a transaction',
      );
      await store.close();
    });
  });
}
