import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromPg, migrate, openDatabase } from '../../src/index.js';
import { freshDatabase, POSTGRES_URL } from '../support/postgres-url.js';

describe.skipIf(!POSTGRES_URL)('a pool of the caller', () => {
  let server: Awaited<ReturnType<typeof freshDatabase>>;
  let pool: pg.Pool;

  beforeAll(async () => {
    server = await freshDatabase();
    pool = new pg.Pool({ connectionString: server.url, max: 3 });
    pool.on('error', () => {});
  });
  afterAll(async () => {
    await pool.end();
    await server.drop();
  });

  it('stays open and as it was', async () => {
    const before = { error: pool.listenerCount('error'), connect: pool.listenerCount('connect') };
    const db = await fromPg(pool);
    const seen: string[] = [];
    await db.listen('mine', (payload) => seen.push(payload));
    await db.transaction(async (tx) => {
      await tx.exec('CREATE TABLE mine (at timestamptz)');
      await tx.query("SELECT pg_notify('mine', 'x')");
    });
    await expect.poll(() => seen).toEqual(['x']);
    expect(db.stats()).toMatchObject({ max: 3 });
    await db.close();
    await expect(db.query('SELECT 1')).rejects.toMatchObject({ code: 'SQL_CLOSED' });
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect({ error: pool.listenerCount('error'), connect: pool.listenerCount('connect') }).toEqual(
      before,
    );
  });

  it("keeps the caller's own way to read types", async () => {
    const db = await fromPg(pool);
    expect((await db.query('SELECT 1::int8 AS n')).rows).toEqual([{ n: 1 }]);
    expect((await pool.query('SELECT 1::int8 AS n')).rows).toEqual([{ n: '1' }]);
    await db.close();
  });

  it('lets several programs migrate at once', async () => {
    const programs = await Promise.all([1, 2, 3].map(() => openDatabase({ url: server.url })));
    const migrations = Array.from({ length: 4 }, (_, n) => ({
      id: `000${n}`,
      up: (schema: string) => `CREATE TABLE ${schema}.race${n} (id int); SELECT pg_sleep(0.01)`,
    }));
    const applied = await Promise.all(
      programs.map((db) => migrate(db, { namespace: 'race', schema: 'race', migrations })),
    );
    expect(applied.flat().sort()).toEqual(['0000', '0001', '0002', '0003']);
    await Promise.all(programs.map((db) => db.close()));
  });
});
