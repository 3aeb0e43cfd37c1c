import { type Migration, migrate, migrateDown, migrationStatus } from '../migrations.js';
import type { Suite } from './suite.js';

const TABLE: Migration = {
  id: '0001-table',
  up: (schema) => `CREATE TABLE ${schema}.thing (id int); CREATE INDEX ON ${schema}.thing (id)`,
  down: (schema) => `DROP TABLE ${schema}.thing`,
};
const COLUMN: Migration = {
  id: '0002-column',
  up: (schema) => `ALTER TABLE ${schema}.thing ADD COLUMN name text`,
  down: (schema) => `ALTER TABLE ${schema}.thing DROP COLUMN name`,
};

/** Migrations. */
export function migrationTests({ describe, it, expect, db }: Suite): void {
  const options = (schema: string, ...migrations: Migration[]) => {
    return { namespace: 'test', schema, migrations };
  };

  describe('migrations', () => {
    it('apply what is pending, once, and record it', async () => {
      expect(await migrate(db(), options('m_once', TABLE))).toEqual(['0001-table']);
      expect(await migrate(db(), options('m_once', TABLE, COLUMN))).toEqual(['0002-column']);
      expect(await migrate(db(), options('m_once', TABLE, COLUMN))).toEqual([]);
      await db().query('INSERT INTO m_once.thing (id, name) VALUES (1, $1)', ['x']);
      const status = await migrationStatus(db(), options('m_once', TABLE, COLUMN));
      expect(status.pending).toEqual([]);
      expect(status.applied.map(({ id, known }) => ({ id, known }))).toEqual([
        { id: '0001-table', known: true },
        { id: '0002-column', known: true },
      ]);
      expect(status.applied[0]?.appliedAt).toBeInstanceOf(Date);
    });

    it('of several namespaces and schemas do not touch each other', async () => {
      await migrate(db(), { ...options('m_two', TABLE), namespace: 'one' });
      const other: Migration = {
        id: '0001-table',
        up: (schema) => `CREATE TABLE ${schema}.other ()`,
      };
      await migrate(db(), { ...options('m_two', other), namespace: 'two' });
      await migrate(db(), { ...options('m_Second "schema"', TABLE), namespace: 'one' });
      const { rows } = await db().query(
        "SELECT table_schema AS schema, table_name AS name FROM information_schema.tables WHERE table_name IN ('thing', 'other') AND table_schema IN ('m_two', 'm_Second \"schema\"') ORDER BY 1, 2",
      );
      expect(rows.sort((a, b) => (String(a.schema) < String(b.schema) ? -1 : 1))).toEqual([
        { schema: 'm_Second "schema"', name: 'thing' },
        { schema: 'm_two', name: 'other' },
        { schema: 'm_two', name: 'thing' },
      ]);
    });

    it('started many times at once are applied once', async () => {
      const slow: Migration = {
        id: '0001-slow',
        up: (schema) => `SELECT pg_sleep(0.05); CREATE TABLE ${schema}.thing (id int)`,
      };
      const results = await Promise.all(
        Array.from({ length: 5 }, () => migrate(db(), options('m_race', slow, COLUMN))),
      );
      expect(results.flat().sort()).toEqual(['0001-slow', '0002-column']);
    });

    it('that were changed after they were applied are refused by name', async () => {
      await migrate(db(), options('m_drift', TABLE));
      const changed = { ...TABLE, up: 'CREATE TABLE elsewhere ()' };
      for (const call of [migrate, migrateDown, migrationStatus]) {
        await expect(call(db(), options('m_drift', changed))).rejects.toMatchObject({
          code: 'SQL_MIGRATION_CONFLICT',
          details: { namespace: 'test', id: '0001-table' },
        });
      }
    });

    it('may change their line endings', async () => {
      await migrate(db(), options('m_crlf', { id: '1', up: 'SELECT 1;\nSELECT 2' }));
      expect(
        await migrate(db(), options('m_crlf', { id: '1', up: 'SELECT 1;\r\nSELECT 2' })),
      ).toEqual([]);
    });

    it('inserted before an applied one are refused', async () => {
      await migrate(db(), options('m_order', TABLE));
      const before: Migration = { id: '0000-before', up: 'SELECT 1' };
      await expect(migrate(db(), options('m_order', before, TABLE))).rejects.toMatchObject({
        code: 'SQL_MIGRATION_CONFLICT',
        details: { id: '0000-before', applied: '0001-table' },
      });
    });

    it('of a newer version of the code are left alone', async () => {
      await migrate(db(), options('m_newer', TABLE, COLUMN));
      expect(await migrate(db(), options('m_newer', TABLE))).toEqual([]);
      const { applied } = await migrationStatus(db(), options('m_newer', TABLE));
      expect(applied.map(({ known }) => known)).toEqual([true, false]);
      await expect(migrateDown(db(), options('m_newer', TABLE))).rejects.toMatchObject({
        code: 'SQL_MIGRATION_CONFLICT',
        details: { id: '0002-column' },
      });
    });

    it('that fail leave nothing behind, and keep those before them', async () => {
      const broken: Migration = {
        id: '0002-broken',
        up: (schema) => `CREATE TABLE ${schema}.half (); SELECT * FROM nowhere`,
      };
      await expect(migrate(db(), options('m_broken', TABLE, broken, COLUMN))).rejects.toMatchObject(
        {
          code: 'SQL_STATEMENT_INVALID',
          details: { migration: '0002-broken' },
        },
      );
      const { applied, pending } = await migrationStatus(
        db(),
        options('m_broken', TABLE, broken, COLUMN),
      );
      expect([applied.map(({ id }) => id), pending]).toEqual([
        ['0001-table'],
        ['0002-broken', '0002-column'],
      ]);
      const { rows } = await db().query("SELECT to_regclass('m_broken.half') IS NULL AS absent");
      expect(rows).toEqual([{ absent: true }]);
    });

    it('are undone one by one, last first', async () => {
      const both = options('m_down', TABLE, COLUMN);
      await migrate(db(), both);
      expect(await migrateDown(db(), both)).toBe('0002-column');
      await db().query('INSERT INTO m_down.thing VALUES (1)');
      expect(await migrate(db(), both)).toEqual(['0002-column']);
      await migrateDown(db(), both);
      expect(await migrateDown(db(), both)).toBe('0001-table');
      expect(await migrateDown(db(), both)).toBe(null);
      expect((await migrationStatus(db(), both)).pending).toEqual(['0001-table', '0002-column']);
    });

    it('show their state without changing anything', async () => {
      const { applied, pending } = await migrationStatus(db(), options('m_untouched', TABLE));
      expect([applied, pending]).toEqual([[], ['0001-table']]);
      const { rows } = await db().query("SELECT to_regnamespace('m_untouched') IS NULL AS absent");
      expect(rows).toEqual([{ absent: true }]);
    });

    it('need ids of their own', async () => {
      await expect(migrate(db(), options('m_ids', TABLE, TABLE))).rejects.toMatchObject({
        code: 'SQL_OPTION_INVALID',
      });
    });
  });
}
