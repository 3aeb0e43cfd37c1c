import { migrate, migrateDown, migrationStatus, type SqlDatabase } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createQueue, createWorker, defineTask, handle, QueueAdmin } from '../../src/index.js';
import { queueMigrations } from '../../src/stores/postgres/migrations.js';
import { postgresStore } from '../../src/stores/postgres.js';

const SCHEMA = 'holdfast';
const task = defineTask('t');

/** What a later version of the library may do to the schema: add, and leave everything else as it is. */
const LATER = {
  id: '9999_later',
  up: `
    alter table ${SCHEMA}.queue_task add column later_colour text;
    alter table ${SCHEMA}.queue_task add column later_weight integer not null default 7;
    create index queue_task_later on ${SCHEMA}.queue_task (later_colour) where later_colour is not null;
    create table ${SCHEMA}.queue_later (id uuid primary key);
    create function ${SCHEMA}.queue_later_v1() returns integer language sql as 'select 1';
  `,
  down: `
    drop function ${SCHEMA}.queue_later_v1();
    drop table ${SCHEMA}.queue_later;
    alter table ${SCHEMA}.queue_task drop column later_colour, drop column later_weight;
  `,
};

for (const database of testDatabases()) {
  describe.skipIf(!database.available)(`two versions on one schema, ${database.name}`, () => {
    let db: SqlDatabase;
    const now = queueMigrations(SCHEMA);
    const later = { ...now, migrations: [...now.migrations, LATER] };

    beforeAll(async () => {
      db = await database.open();
    });
    afterAll(async () => {
      await db?.close();
    });

    it('lets a process of this version go on while a later one migrates, and start after it', async () => {
      const store = postgresStore(db);
      const queue = createQueue('q', { store });
      const done = new Set<unknown>();
      const handlers = [handle(task, (n) => void done.add(n))];
      const worker = createWorker(queue, handlers, { pollInterval: 20 });
      await worker.start();
      let sent = 0;
      let stop = false;
      const producing = (async () => {
        while (!stop) {
          await queue.enqueue(task, sent++, { group: sent % 3 === 0 ? 'g' : 'h' });
          await queue.enqueueMany([
            { task, payload: sent++ },
            { task, payload: sent++, delay: 5 },
          ]);
        }
      })();
      const reached = async (count: number): Promise<void> => {
        while (done.size < count) await new Promise((resolve) => setTimeout(resolve, 5));
      };
      await reached(30);
      expect(await migrate(db, later)).toEqual([LATER.id]);
      await reached(done.size + 60);

      // A process of this version that starts now finds a migration that it does not know, and leaves it alone.
      const second = postgresStore(db);
      await second.migrate();
      const other = createWorker(createQueue('q', { store: second }), handlers);
      await other.start();
      stop = true;
      await producing;
      await reached(sent);
      await Promise.all([worker.close(), other.close()]);
      const admin = new QueueAdmin({ store: second });
      expect(await admin.counts('q')).toMatchObject({ ready: 0, scheduled: 0, leased: 0, dead: 0 });
      expect((await admin.list({ filter: { queue: 'q' }, limit: 1 })).items[0]).toMatchObject({
        state: 'completed',
        attempts: 1,
      });
      await Promise.all([store.close(), second.close()]);
    });

    it('tells what a later version applied, which this one can neither undo nor repeat', async () => {
      const { applied, pending } = await migrationStatus(db, now);
      expect(pending).toEqual([]);
      expect(applied.map(({ id, known }) => [id, known])).toEqual([
        ...now.migrations.map(({ id }) => [id, true]),
        [LATER.id, false],
      ]);
      await expect(migrateDown(db, now)).rejects.toMatchObject({ code: 'SQL_MIGRATION_CONFLICT' });
      expect(await migrateDown(db, later)).toBe(LATER.id);
      const store = postgresStore(db);
      await createQueue('q', { store }).enqueue(task, 'after');
      await store.close();
    });

    it('has a version in the name of every function, so that a later one is put beside it', async () => {
      const { rows } = await db.query<{ name: string }>(
        `select p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname = $1 and p.proname like 'queue%' order by 1`,
        [SCHEMA],
      );
      const names = rows.map(({ name }) => name);
      expect(names.length).toBeGreaterThan(5);
      // The clock and its unit mean the same in every version.
      const same = ['queue_ms', 'queue_now'];
      expect(names.filter((name) => !/_v\d+$/.test(name) && !same.includes(name))).toEqual([]);
    });
  });
}
