import type { SqlEvents } from '../database.js';
import { type Suite, signal } from './suite.js';

/** Events, figures, health and the end. */
export function lifecycleTests({ describe, it, expect, db, open }: Suite): void {
  describe('events and figures', () => {
    it('tell of each statement, without its parameters, and of each use of a connection', async () => {
      const seen: SqlEvents['query'][] = [];
      const uses: string[] = [];
      const stop = [
        db().on('query', (event) => seen.push(event)),
        db().on('acquire', ({ waitMs }) => uses.push(`acquire ${waitMs >= 0}`)),
        db().on('release', ({ heldMs }) => uses.push(`release ${heldMs >= 0}`)),
      ];
      await db().query('SELECT $1::text AS x', ['secret'], { name: 'observed' });
      await db()
        .query('SELECT * FROM nowhere')
        .catch(() => {});
      for (const off of stop) off();
      await db().query('SELECT 2');
      expect(seen.length).toBe(2);
      expect(seen[0]).toMatchObject({
        text: 'SELECT $1::text AS x',
        name: 'observed',
        rowCount: 1,
        error: undefined,
      });
      expect(seen[1]).toMatchObject({ rowCount: 0, error: { code: 'SQL_STATEMENT_INVALID' } });
      expect(JSON.stringify(seen).includes('secret')).toBe(false);
      expect(uses).toEqual(['acquire true', 'release true', 'acquire true', 'release true']);
    });

    it('survive a handler that throws', async () => {
      const off = db().on('query', () => {
        throw new Error('a broken handler');
      });
      expect((await db().query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      off();
    });

    it('count statements and connections', async () => {
      const before = db().stats();
      await db().query('SELECT 1');
      const after = db().stats();
      expect(after).toMatchObject({ engine: db().engine, checkedOut: 0, waiting: 0 });
      expect(after.queries - before.queries).toBe(1);
      expect(after.size).toBeGreaterThan(0);
      await db().transaction(async () => {
        expect(db().stats().checkedOut).toBe(1);
      });
    });

    it('report health', async () => {
      const report = await db().health();
      expect(report).toMatchObject({ status: 'healthy', details: { engine: db().engine } });
    });
  });

  describe('close', () => {
    it('waits for what runs, refuses what comes, and may be called again', async () => {
      const database = await open();
      await database.exec('CREATE TABLE closing (id int)');
      const started = signal();
      const go = signal();
      const running = database.transaction(async (tx) => {
        started.resolve();
        await go.promise;
        await tx.query('INSERT INTO closing VALUES (1)');
        return 'finished';
      });
      await started.promise;
      const closing = database.close();
      await expect(database.query('SELECT 1')).rejects.toMatchObject({ code: 'SQL_CLOSED' });
      await expect(database.listen('x', () => {})).rejects.toMatchObject({ code: 'SQL_CLOSED' });
      go.resolve();
      expect(await running).toBe('finished');
      expect(await closing).toMatchObject({ drained: true });
      expect(await database.close()).toMatchObject({ drained: true });
      expect((await database.health()).status).toBe('unhealthy');
    });

    it('ends at the deadline what does not end by itself', async () => {
      const database = await open();
      const started = signal();
      const stuck = database.transaction(async (tx) => {
        await tx.query('SELECT 1');
        started.resolve();
        await new Promise(() => {});
      });
      const failure = stuck.catch((error: unknown) => error);
      await started.promise;
      expect(await database.close({ deadline: '20ms' })).toMatchObject({ drained: false });
      expect(await failure).toMatchObject({ code: 'SQL_CLOSED' });
    });

    it('refuses a deadline that is none, and can then be called again', async () => {
      const database = await open();
      await expect(database.close({ deadline: -1 })).rejects.toMatchObject({
        code: 'SQL_OPTION_INVALID',
      });
      expect(await database.close({ deadline: 0 })).toMatchObject({ drained: true });
    });
  });
}
