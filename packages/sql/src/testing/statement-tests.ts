import type { Suite } from './suite.js';

/** Statements and their errors. */
export function statementTests({ describe, it, expect, db, capabilities }: Suite): void {
  describe('statements', () => {
    it('counts rows that are returned and rows that are changed', async () => {
      await db().exec('CREATE TABLE counted (id int PRIMARY KEY); CREATE TABLE unused (id int)');
      const inserted = await db().query('INSERT INTO counted SELECT generate_series(1, 5)');
      expect(inserted).toEqual({ rows: [], rowCount: 5 });
      const read = await db().query('SELECT id FROM counted WHERE id > $1 ORDER BY id', [3]);
      expect(read).toEqual({ rows: [{ id: 4 }, { id: 5 }], rowCount: 2 });
      expect((await db().query('UPDATE counted SET id = id + 10')).rowCount).toBe(5);
    });

    it('takes one statement at a time, with or without parameters', async () => {
      const two = db().query('SELECT 1; SELECT 2');
      await expect(two).rejects.toMatchObject({ code: 'SQL_STATEMENT_INVALID' });
    });

    it('runs a script as a whole or not at all', async () => {
      const script = db().exec('CREATE TABLE half (id int); SELECT 1 / 0');
      await expect(script).rejects.toMatchObject({ code: 'SQL_STATEMENT_INVALID' });
      const { rows } = await db().query("SELECT to_regclass('half') IS NULL AS absent");
      expect(rows).toEqual([{ absent: true }]);
    });

    it('prepares a named statement and runs it with other parameters', async () => {
      for (const value of [1, 2, 3]) {
        const { rows } = await db().query('SELECT $1::int * 2 AS twice', [value], {
          name: 'twice',
        });
        expect(rows).toEqual([{ twice: value * 2 }]);
      }
    });

    it('prepares a named statement again that was deallocated', async () => {
      const run = () => db().query('SELECT 5 AS five', [], { name: 'deallocated' });
      await run();
      await db().exec('DEALLOCATE ALL');
      expect((await run()).rows).toEqual([{ five: 5 }]);
      await db().exec('DEALLOCATE ALL');
      expect(
        (await db().transaction((tx) => tx.query('SELECT 5 AS five', [], { name: 'deallocated' })))
          .rows,
      ).toEqual([{ five: 5 }]);
    });

    it('refuses another text under the same statement name', async () => {
      await db().query('SELECT 1', [], { name: 'taken' });
      const other = db().query('SELECT 2', [], { name: 'taken' });
      await expect(other).rejects.toMatchObject({ code: 'SQL_STATEMENT_INVALID' });
    });

    it('keeps a named statement working after a migration changed its columns', async () => {
      await db().exec('CREATE TABLE widening (id int)');
      await db().query('SELECT * FROM widening', [], { name: 'widening' });
      await db().exec(
        "ALTER TABLE widening ADD COLUMN name text DEFAULT 'x'; INSERT INTO widening VALUES (1)",
      );
      const { rows } = await db().query('SELECT * FROM widening', [], { name: 'widening' });
      expect(rows).toEqual([{ id: 1, name: 'x' }]);
      await db().exec('ALTER TABLE widening DROP COLUMN id');
      const inTransaction = await db().transaction((tx) =>
        tx.query('SELECT * FROM widening', [], { name: 'widening' }),
      );
      expect(inTransaction.rows).toEqual([{ name: 'x' }]);
    });
  });

  describe('errors', () => {
    it('reports a violated constraint as a conflict and names it', async () => {
      await db().exec(
        'CREATE TABLE person (id int CONSTRAINT person_id PRIMARY KEY, age int CONSTRAINT adult CHECK (age > 17))',
      );
      await db().query('INSERT INTO person VALUES (1, 20)');
      await expect(db().query('INSERT INTO person VALUES (1, 20)')).rejects.toMatchObject({
        name: 'SqlError',
        code: 'SQL_CONFLICT',
        details: { sqlState: '23505', constraint: 'person_id', table: 'person' },
      });
      await expect(db().query('INSERT INTO person VALUES (2, 1)')).rejects.toMatchObject({
        code: 'SQL_CONFLICT',
        details: { sqlState: '23514', constraint: 'adult' },
      });
    });

    it('reports what cannot be understood as an invalid statement', async () => {
      const wrong: [string, unknown[]][] = [
        ['SELEC 1', []],
        ['SELECT * FROM nowhere', []],
        ['SELECT $1::int', ['x']],
        ['SELECT $1::int, $2::int', [1]],
        ['SELECT 1 / $1::int', [0]],
        ['SELECT $1::jsonb', [{ not: 'text' }]],
        ['SELECT $1::timestamptz', [new Date(Number.NaN)]],
        ['SELECT $1::text', ['nul \0 in text']],
      ];
      for (const [text, values] of wrong) {
        await expect(db().query(text, values)).rejects.toMatchObject({
          code: 'SQL_STATEMENT_INVALID',
        });
      }
      // The session works on after each of them.
      expect((await db().query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });

    it('passes the error of the engine on as the cause', async () => {
      const error: unknown = await db()
        .query('SELECT * FROM nowhere')
        .catch((cause: unknown) => cause);
      expect(error).toMatchObject({ details: { sqlState: '42P01' }, cause: { code: '42P01' } });
    });
  });

  if (capabilities.statementTimeout !== true) return;
  describe('time limits', () => {
    it('ends a statement at its own limit and keeps the connection', async () => {
      const slow = db().query('SELECT pg_sleep(20)', [], { timeout: '50ms' });
      await expect(slow).rejects.toMatchObject({ code: 'SQL_TIMEOUT' });
      const { rows } = await db().query("SELECT current_setting('statement_timeout') AS own");
      expect(rows).toEqual([{ own: '30s' }]);
    });

    it('ends a statement inside a transaction, whose other statements keep the usual limit', async () => {
      const own = await db().transaction(async (tx) => {
        await tx.query('SELECT 1', [], { timeout: '5s' });
        await tx
          .transaction((inner) => inner.query('SELECT pg_sleep(20)', [], { timeout: 50 }))
          .catch(() => {});
        return tx.query("SELECT current_setting('statement_timeout') AS own");
      });
      expect(own.rows).toEqual([{ own: '30s' }]);
    });

    it('ends a script', async () => {
      const slow = db().exec('SELECT pg_sleep(20); SELECT 1', { timeout: 50 });
      await expect(slow).rejects.toMatchObject({ code: 'SQL_TIMEOUT' });
    });
  });
}
