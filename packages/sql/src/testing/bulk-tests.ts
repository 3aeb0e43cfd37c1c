import { insertMany } from '../insert-many.js';
import type { Suite } from './suite.js';

/** `insertMany`. */
export function bulkTests({ describe, it, expect, db }: Suite): void {
  describe('insertMany', () => {
    it('writes every kind of column', async () => {
      await db().exec(`CREATE SCHEMA IF NOT EXISTS bulk; CREATE TYPE bulk.mood AS ENUM ('ok', 'bad');
        CREATE TABLE bulk.kinds (id int, "Name" varchar(20), payload jsonb, at timestamptz, data bytea,
          tags text[], grid int[], price numeric(10,2), ratio double precision, feeling bulk.mood, flag bool)`);
      const at = new Date('2024-01-02T03:04:05.678Z');
      const full = {
        id: 1,
        Name: 'a "quoted" \\ name',
        payload: { nested: [1, 'x', null] },
        at,
        data: new Uint8Array([0, 34, 92, 255]),
        tags: ['a,b', '{"c"}', null, ''],
        grid: [
          [1, 2],
          [3, 4],
        ],
        price: '10.50',
        ratio: 0.1,
        feeling: 'bad',
        flag: false,
      };
      const columns = {
        id: 'int',
        Name: 'varchar(20)',
        payload: 'jsonb',
        at: 'timestamp with time zone',
        data: 'bytea',
        tags: 'text[]',
        grid: 'int[]',
        price: 'numeric(10,2)',
        ratio: 'double precision',
        feeling: 'bulk.mood',
        flag: 'bool',
      };
      const empty = Object.fromEntries(Object.keys(full).map((name) => [name, null]));
      const { rowCount } = await insertMany(db(), {
        table: 'bulk.kinds',
        columns,
        rows: [full, { id: 2 }, { id: 3, tags: [], payload: '"text"' }],
      });
      expect(rowCount).toBe(3);
      const { rows } = await db().query('SELECT * FROM bulk.kinds ORDER BY id');
      expect(rows).toEqual([
        full,
        { ...empty, id: 2 },
        { ...empty, id: 3, tags: [], payload: 'text' },
      ]);
    });

    it('returns what is asked for, also from several statements', async () => {
      await db().exec('CREATE TABLE bulk_many (id bigserial PRIMARY KEY, n int)');
      const rows = Array.from({ length: 25 }, (_, n) => ({ n }));
      const result = await insertMany<{ id: number; n: number }>(db(), {
        table: 'bulk_many',
        columns: { n: 'int' },
        rows,
        returning: 'id, n',
        chunkSize: 10,
      });
      expect(result.rowCount).toBe(25);
      expect(result.rows.map(({ n }) => n)).toEqual(rows.map(({ n }) => n));
    });

    it('writes all statements of a large insert or none', async () => {
      await db().exec('CREATE TABLE bulk_all (id int PRIMARY KEY)');
      const rows = [1, 2, 3, 4, 5, 1].map((id) => ({ id }));
      const writing = insertMany(db(), {
        table: 'bulk_all',
        columns: { id: 'int' },
        rows,
        chunkSize: 2,
      });
      await expect(writing).rejects.toMatchObject({ code: 'SQL_CONFLICT' });
      expect((await db().query('SELECT * FROM bulk_all')).rows).toEqual([]);
    });

    it('follows the conflict clause', async () => {
      await db().exec('CREATE TABLE bulk_conflict (id int PRIMARY KEY, n int)');
      const insert = (onConflict: string, ...rows: { id: number; n: number }[]) =>
        insertMany(db(), {
          table: 'bulk_conflict',
          columns: { id: 'int', n: 'int' },
          rows,
          onConflict,
        });
      await insert('DO NOTHING', { id: 1, n: 1 }, { id: 2, n: 1 });
      expect((await insert('(id) DO NOTHING', { id: 2, n: 2 }, { id: 3, n: 2 })).rowCount).toBe(1);
      await insert('(id) DO UPDATE SET n = excluded.n', { id: 1, n: 9 });
      const { rows } = await db().query('SELECT * FROM bulk_conflict ORDER BY id');
      expect(rows).toEqual([
        { id: 1, n: 9 },
        { id: 2, n: 1 },
        { id: 3, n: 2 },
      ]);
    });

    it('writes thousands of rows in one statement', async () => {
      await db().exec('CREATE TABLE bulk_large (id int, body text)');
      const before = db().stats().queries;
      const rows = Array.from({ length: 9_000 }, (_, id) => ({ id, body: `row "${id}"` }));
      await insertMany(db(), { table: 'bulk_large', columns: { id: 'int', body: 'text' }, rows });
      expect(db().stats().queries - before).toBe(1);
      const { rows: read } = await db().query(
        'SELECT count(*) AS count, max(body) AS last FROM bulk_large',
      );
      expect(read).toEqual([{ count: 9_000, last: 'row "999"' }]);
    });

    it('does nothing for no rows', async () => {
      const result = await insertMany(db(), { table: 'nowhere', columns: { id: 'int' }, rows: [] });
      expect(result).toEqual({ rows: [], rowCount: 0 });
    });

    it('refuses names and types that are none', async () => {
      const bad = [
        { table: 'a.b.c', columns: { id: 'int' } },
        { table: '', columns: { id: 'int' } },
        { table: 't', columns: { id: 'int); DROP TABLE t; --' } },
        { table: 't', columns: { '': 'int' } },
        { table: 't', columns: {} },
      ];
      for (const options of bad) {
        await expect(insertMany(db(), { ...options, rows: [{}] })).rejects.toMatchObject({
          code: 'SQL_OPTION_INVALID',
        });
      }
    });
  });
}
