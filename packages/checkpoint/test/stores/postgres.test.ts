import type { SqlDatabase, SqlTransaction } from '@holdfast/sql';
import { testDatabases } from '@holdfast/sql/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckpointAdmin, type Checkpoints, createCheckpoints } from '../../src/index.js';
import { type PostgresCheckpointStore, postgresStore } from '../../src/stores/postgres.js';
import { checkpointStoreConformance } from '../../src/testing.js';

for (const engine of testDatabases()) {
  describe.skipIf(!engine.available)(engine.name, () => {
    let db: SqlDatabase;
    let store: PostgresCheckpointStore;
    beforeAll(async () => {
      db = await engine.open();
      store = postgresStore(db);
      await Promise.all([store.migrate(), store.migrate()]);
      await db.exec('create table template (name text primary key, body text not null)');
    });
    afterAll(() => db?.close());

    checkpointStoreConformance(
      { describe, it, expect },
      { name: engine.name, create: async () => store },
    );

    /** An owner whose state is the rows of a table. */
    function owner(subject: string) {
      const checkpoints = createCheckpoints({ store });
      checkpoints.register<Record<string, string>>(subject, {
        async restore(state, { tx }) {
          await tx.query('delete from template');
          const [names, bodies] = [Object.keys(state), Object.values(state)];
          await tx.query('insert into template select * from unnest($1::text[], $2::text[])', [
            names,
            bodies,
          ]);
          if ('broken' in state) throw new Error('broken template');
        },
      });
      return checkpoints;
    }
    const rows = async () => (await db.query('select * from template order by name')).rows;
    const change = (checkpoints: Checkpoints<SqlTransaction>, subject: string, body: string) =>
      db.transaction(async (tx) => {
        await tx.query(
          'insert into template values ($1, $2) on conflict (name) do update set body = excluded.body',
          ['greeting', body],
        );
        await checkpoints.save(subject, { greeting: body }, { tx });
      });

    it('rolls back rows and history together, and undoes it', async () => {
      const checkpoints = owner('rows');
      await change(checkpoints, 'rows', 'Hello');
      await change(checkpoints, 'rows', 'Hi');
      const by = { by: 'ann', reason: 'too informal' };
      await checkpoints.rollback('rows', { to: 1, ...by });
      expect(await rows()).toEqual([{ name: 'greeting', body: 'Hello' }]);
      await new CheckpointAdmin(checkpoints).undo({ subject: 'rows', ...by });
      expect(await rows()).toEqual([{ name: 'greeting', body: 'Hi' }]);
      expect((await checkpoints.latest('rows'))?.version).toBe(4);
    });

    it('changes neither rows nor history when the owner fails', async () => {
      const checkpoints = owner('fails');
      await checkpoints.save('fails', { greeting: 'one', broken: 'x' });
      await change(checkpoints, 'fails', 'two');
      const before = await rows();
      await expect(
        checkpoints.rollback('fails', { to: 1, by: 'ann', reason: 'test' }),
      ).rejects.toThrow('broken template');
      expect(await rows()).toEqual(before);
      expect((await checkpoints.latest('fails'))?.version).toBe(2);
    });

    it('is part of the transaction it is given', async () => {
      const checkpoints = owner('given');
      await change(checkpoints, 'given', 'one');
      await change(checkpoints, 'given', 'two');
      await db
        .transaction(async (tx) => {
          await checkpoints.rollback('given', { to: 1, by: 'ann', reason: 'test', tx });
          throw new Error('changed my mind');
        })
        .catch(() => undefined);
      expect(await rows()).toEqual([{ name: 'greeting', body: 'two' }]);
      expect((await checkpoints.latest('given'))?.version).toBe(2);
    });

    it('notices bytes changed in the table, and offers the last good version', async () => {
      const checkpoints = owner('bytes');
      await checkpoints.save('bytes', { text: 'one' });
      await checkpoints.save('bytes', { text: 'two' });
      await db.query(
        `update holdfast.checkpoint_segment set body = set_byte(body, 9, get_byte(body, 9) # 1)
         where position('two'::bytea in body) > 0`,
      );
      await expect(checkpoints.load('bytes')).rejects.toMatchObject({
        code: 'CHECKPOINT_DAMAGED',
        details: { version: 2, lastGood: 1, problems: [{ part: 'segment', reason: 'altered' }] },
      });
    });

    it('keeps a megabyte in parts that versions share', async () => {
      const checkpoints = owner('large');
      const list = Array.from({ length: 10_000 }, (_, id) => ({ id, text: 'x'.repeat(id % 150) }));
      const { size } = await checkpoints.save('large', { list });
      await checkpoints.save('large', { list: list.with(5_000, { id: -1, text: 'edited' }) });
      const loaded = await checkpoints.load<{ list: object[] }>('large', { version: 1 });
      expect(loaded.state.list).toEqual(list);
      const { rows: stored } = await db.query<{ bytes: number }>(
        `select sum(length(body)) as bytes from holdfast.checkpoint_segment g
         join holdfast.checkpoint_subject s on s.id = g.lineage where s.subject = 'large'`,
      );
      expect(Number(stored[0]?.bytes)).toBeLessThan(size * 1.2);
    });
  });
}
